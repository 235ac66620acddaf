import type { Duplex } from 'node:stream'
import { finished } from 'node:stream/promises'
import type Docker from 'dockerode'
import { BackendError, type Terminal, type TerminalPlace, type TerminalSize } from '../backend.ts'
import { type Engine, pause } from './engine.ts'
import { isOurs } from './names.ts'

// The engine has no call that ends an exec, and one whose connection has gone runs on. What runs in a terminal is found by its
// session (credentials(7)): the shell says its process id in its first line, and all that it starts has that for a session,
// but for what makes one of its own (setsid), which is the agent's from then on.

/** No word of a caller's is in it. The image's own shell: bash where there is one. */
const openScript = `printf '%s\\n' "$$"
for shell in /bin/bash /usr/bin/bash /bin/sh; do [ -x "$shell" ] && exec "$shell" -i; done`

/**
 * Signals every process of session $1 with $2, and prints how many there were. Shell built-ins alone: an image need have
 * nothing else. A program's name may hold anything, brackets and line ends among it: what counts follows the last ") ".
 */
const signalScript = `sid=$1; signal=$2; count=0
for file in /proc/[0-9]*/stat; do
  set -f; text=
  { while read -r line || [ -n "$line" ]; do text="$text $line"; done < "$file"; } 2>/dev/null || continue
  pid=\${file#/proc/}; pid=\${pid%/stat}
  set -- \${text##*") "}
  [ "\${4:-}" = "$sid" ] && [ "$1" != Z ] && kill "-$signal" "$pid" 2>/dev/null && count=$((count + 1))
done
printf 'signalled %s\\n' "$count"`

const shell = '/bin/sh'
const firstLineMs = 10_000
const signalMs = 10_000
/** Between asking programs to end (SIGHUP, as when a line drops) and killing them. */
const graceMs = 500
const mostPasses = 5

/**
 * Opens a terminal in the agent's running container: its image's shell, as the user the agent runs as. `not-found`: it does not
 * run, or is not this agent's; `container-invalid`: the image has no shell.
 */
export async function openTerminal(
  engine: Engine,
  agentId: string,
  containerId: string,
  size: TerminalSize,
  signal: AbortSignal,
): Promise<Terminal> {
  const { exec, found } = await ownExec(engine, agentId, containerId, signal, {
    Cmd: [shell, '-c', openScript],
    Tty: true,
    AttachStdin: true,
    Env: ['TERM=xterm-256color'],
  })
  // Without the signal, which would outlive the call and cut the stream.
  const stream: Duplex = await engine.call('opening a terminal', signal, () => {
    const started: Promise<Duplex> = exec.start({ hijack: true, stdin: true, Tty: true })
    started.then((late) => signal.aborted && late.destroy()).catch(() => undefined)
    return started
  })
  stream.on('error', (error) =>
    engine.log.info({ err: error, containerId: found.Id }, 'a terminal’s stream broke'),
  )
  const resize = async ({ cols, rows }: TerminalSize, bound: AbortSignal) => {
    // It may have ended meanwhile.
    const options = { ignore: [404, 409, 500] }
    await engine.call(
      'resizing a terminal',
      bound,
      (abortSignal) => exec.resize({ h: rows, w: cols, abortSignal }),
      options,
    )
  }
  try {
    await resize(size, signal)
    const leader = await firstLine(stream, AbortSignal.any([signal, AbortSignal.timeout(firstLineMs)]))
    const place = { agentId, containerId: found.Id, run: found.State.StartedAt, leader }
    return { stream, place, resize, exitCode: (bound) => exitCodeOf(engine, exec, bound) }
  } catch (error) {
    stream.destroy()
    throw error
  }
}

/** Ends everything that runs in a terminal's session; a container that ended since has nothing. Gives whether all has gone. */
export async function endTerminal(
  engine: Engine,
  place: TerminalPlace,
  signal: AbortSignal,
): Promise<'ended' | 'left'> {
  if ((await signalSession(engine, place, 'HUP', signal)) === 0) return 'ended'
  await pause(graceMs, signal)
  // Again while there are some: what is killed may have started another.
  for (let pass = 0; pass < mostPasses; pass++) {
    if ((await signalSession(engine, place, 'KILL', signal)) === 0) return 'ended'
  }
  return 'left'
}

async function signalSession(
  engine: Engine,
  { agentId, containerId, run, leader }: TerminalPlace,
  name: 'HUP' | 'KILL',
  signal: AbortSignal,
): Promise<number> {
  const Cmd = [shell, '-c', signalScript, shell, String(leader), name]
  const made = await ownExec(engine, agentId, containerId, signal, { Cmd, Tty: true }).catch(
    (error: unknown) => {
      if (error instanceof BackendError && error.code === 'not-found') return undefined
      throw error
    },
  )
  if (!made || made.found.State.StartedAt !== run) return 0
  return engine.call(
    'ending a terminal’s programs',
    signal,
    async (abortSignal) => {
      const output = await made.exec.start({ hijack: false, stdin: false, Tty: true, abortSignal })
      let said = ''
      output.on('data', (chunk: Buffer) => {
        said = (said + chunk.toString('latin1')).slice(-200)
      })
      await finished(output, { signal: abortSignal, writable: false })
      const count = /signalled (\d{1,6})\s*$/.exec(said)?.[1]
      if (count !== undefined) return Number(count)
      throw new BackendError('engine-error', 'The programs of a terminal could not be ended.', {
        retry: true,
      })
    },
    { deadlineMs: signalMs },
  )
}

/** An exec, not yet started, in a running container whose labels say that it is this agent's; as its own user, never another. */
async function ownExec(
  engine: Engine,
  agentId: string,
  containerId: string,
  signal: AbortSignal,
  options: Pick<Docker.ExecCreateOptions, 'Cmd' | 'Tty' | 'AttachStdin' | 'Env'>,
) {
  const { docker, installation } = engine
  const container = docker.getContainer(containerId)
  const found = await engine.call(
    'looking for the container',
    signal,
    (abortSignal) => container.inspect({ abortSignal }),
    { ignore: [404] },
  )
  const ours = found && isOurs(found.Config.Labels, { installation, agentId }, 'agent')
  if (!ours || !found.State.Running) throw notRunning()
  if (found.State.Paused) throw new BackendError('engine-error', 'The agent is frozen.', { retry: true })
  const exec = await engine.call(
    'preparing a terminal',
    signal,
    (abortSignal) =>
      container.exec({
        AttachStdout: true,
        AttachStderr: true,
        Privileged: false,
        ...options,
        User: found.Config.User,
        abortSignal,
      }),
    { ignore: [404, 409] },
  )
  if (!exec) throw notRunning()
  return { exec, found }
}

const notRunning = () => new BackendError('not-found', 'The agent does not run.', { retry: true })

/** The process id that the shell says first. The rest stays in the stream. */
async function firstLine(stream: Duplex, signal: AbortSignal): Promise<number> {
  let head: Buffer = Buffer.alloc(0)
  try {
    for (;;) {
      const chunk = await nextChunk(stream, signal)
      if (chunk === undefined) break
      head = Buffer.concat([head, chunk])
      const end = head.indexOf('\n')
      if (end < 0 && head.length < 64) continue
      const pid = Number(/^(\d{1,9})\r?$/.exec(head.toString('latin1', 0, Math.max(0, end)))?.[1])
      if (!(pid > 1)) break
      if (end + 1 < head.length) stream.unshift(head.subarray(end + 1))
      return pid
    }
  } catch (error) {
    if (!(error instanceof Error && error.name === 'TimeoutError')) throw error
  }
  const message = `The agent's image has no shell (${shell}) that works, so there is no terminal.`
  throw new BackendError('container-invalid', message, { retry: false })
}

/** What comes next; undefined when the stream has ended. */
function nextChunk(stream: Duplex, signal: AbortSignal): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const settle = (done: () => void) => {
      stream.off('data', onData)
      stream.off('end', onEnd)
      stream.off('close', onEnd)
      signal.removeEventListener('abort', onAbort)
      stream.pause()
      done()
    }
    const onData = (chunk: Buffer) => settle(() => resolve(chunk))
    const onEnd = () => settle(() => resolve(undefined))
    const onAbort = () => settle(() => reject(signal.reason))
    if (signal.aborted) return reject(signal.reason)
    stream.on('data', onData)
    stream.on('end', onEnd)
    stream.on('close', onEnd)
    signal.addEventListener('abort', onAbort, { once: true })
    stream.resume()
  })
}

/** What the shell ended with; undefined when the engine does not know, or knows it no more. */
async function exitCodeOf(
  engine: Engine,
  exec: Docker.Exec,
  signal: AbortSignal,
): Promise<number | undefined> {
  for (let tries = 0; tries < 20; tries++) {
    const seen = await engine.call(
      'asking how a terminal ended',
      signal,
      (abortSignal) => exec.inspect({ abortSignal }),
      { ignore: [404] },
    )
    if (!seen) return undefined
    // The stream may end a moment before the engine knows.
    if (!seen.Running) return seen.ExitCode ?? undefined
    await pause(50, signal)
  }
  return undefined
}
