import { exactly, fields, flag, listOf, optional, text } from './rules.ts'

const words = listOf(text(/^[^\0]{0,65536}$/s, 'a text without a zero byte'), 200)

/**
 * A program that is started in an agent's container. Which one is not judged: whoever makes the container chooses what it
 * runs, so nothing is gained that is not there already. As whom is: as the agent's user, without privileges.
 */
export const execBody = fields({
  Cmd: words,
  Env: optional(listOf(text(/^[A-Za-z_][A-Za-z0-9_]*=[^\0]*$/s, 'NAME=value'), 50)),
  User: optional(exactly('10001:10001')),
  Privileged: optional(exactly(false)),
  Tty: optional(flag),
  AttachStdin: optional(flag),
  AttachStdout: optional(flag),
  AttachStderr: optional(flag),
})

/** `hijack` and `stdin` are the client's own words for itself, which the engine ignores. */
export const execStartBody = fields({
  Detach: optional(exactly(false)),
  Tty: optional(flag),
  hijack: optional(flag),
  stdin: optional(flag),
})
