import { isAbsolute } from 'node:path'
import type { Reader } from './reader.ts'
import { parseCidr } from './values.ts'

/** The id that marks what is ours on the engine: a lower-case UUID. */
export function readInstallationId(reader: Reader): string {
  const how = 'make one with `cat /proc/sys/kernel/random/uuid` and never change it'
  const text = reader.required('NORA_INSTALLATION_ID', how)
  if (text !== undefined && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) {
    reader.problem('NORA_INSTALLATION_ID', `must be a lower-case UUID: ${how}`)
  }
  return text ?? ''
}

/** The block that agents’ networks are cut from; 10.214.0.0/16 unless given. */
export function readPool(reader: Reader): string {
  const expected = 'a private IPv4 block from /8 to /24, such as 10.214.0.0/16'
  const isPrivate = /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/
  const pool = reader.parsed('NORA_AGENT_NETWORK_POOL', expected, (text) => {
    const block = parseCidr(text)
    if (block?.family !== 4 || block.prefix < 8 || block.prefix > 24) return undefined
    return isPrivate.test(block.address) ? text : undefined
  })
  return pool ?? '10.214.0.0/16'
}

/** The engine’s socket as `unix:///path`. */
export function readDockerHost(reader: Reader): string {
  const host = reader.parsed('DOCKER_HOST', 'unix:///path/of/the/socket', (text) =>
    /^unix:\/\/\/.+/.test(text) ? text : undefined,
  )
  return host ?? 'unix:///var/run/docker.sock'
}

/** One of our own images that set-up has put on the engine; undefined when none is named. */
export function readImage(reader: Reader, name: 'NORA_IMAGE_GATEWAY' | 'NORA_IMAGE_STARTER_AGENT') {
  const expected = 'the id (sha256:…) or the reference of an image that this engine holds'
  return reader.parsed(name, expected, (text) => {
    const isId = /^sha256:[0-9a-f]{64}$/.test(text)
    const isReference = /^[a-z0-9][a-zA-Z0-9._/:@-]{0,254}$/.test(text) && !text.includes('..')
    return isId || isReference ? text : undefined
  })
}

/** A required absolute path. */
export function readFolder(reader: Reader, name: 'NORA_KEYS_DIR' | 'NORA_DATA_DIR', how: string): string {
  const text = reader.required(name, `set it to ${how}`)
  if (text !== undefined && !isAbsolute(text)) reader.problem(name, `must be an absolute path: ${how}`)
  return text ?? ''
}
