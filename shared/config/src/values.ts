import { isIP } from 'node:net'
import type { Reader } from './reader.ts'
import type { VariableName } from './variables.ts'

/** 32 bytes in base64url without padding, or undefined. */
export function parseKey32(text: string): Buffer | undefined {
  if (!/^[A-Za-z0-9_-]{43}$/.test(text)) return undefined
  const bytes = Buffer.from(text, 'base64url')
  // The last character carries two spare bits: only the canonical spelling is taken.
  return bytes.length === 32 && bytes.toString('base64url') === text ? bytes : undefined
}

/** A CIDR block or a single address, or undefined. */
export function parseCidr(text: string): { address: string; prefix: number; family: 4 | 6 } | undefined {
  const [address, length, more] = text.split('/')
  const family = isIP(address ?? '')
  if (!address || (family !== 4 && family !== 6) || more !== undefined) return undefined
  const bits = family === 4 ? 32 : 128
  if (length === undefined) return { address, prefix: bits, family }
  const prefix = /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN
  return prefix >= 0 && prefix <= bits ? { address, prefix, family } : undefined
}

/** Whether a host name of a URL (brackets allowed) or a bind address means this machine alone. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase()
  if (isIP(bare) === 4) return bare.startsWith('127.')
  return bare === '::1' || bare === 'localhost' || bare.endsWith('.localhost')
}

/** An http(s) origin: scheme, host and port, nothing else. Undefined for anything more or less. */
export function parseOrigin(text: string): URL | undefined {
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined
  return url.origin === text.replace(/\/$/, '') ? url : undefined
}

const ownRoles = ['postgres', 'nora_owner', 'nora_definer', 'nora_migrator', 'nora_app', 'nora_worker']

/** DATABASE_URL for one role: a postgres URL, not another role's, and no placeholder for a password. */
export function readDatabaseUrl(reader: Reader, role: 'nora_app' | 'nora_worker' | 'nora_migrator'): string {
  const how = `set it to postgres://${role}:<password>@host:port/nora (./setup.sh makes one)`
  const text = reader.required('DATABASE_URL', how)
  if (text === undefined) return ''
  if (!URL.canParse(text) || !/^postgres(ql)?:$/.test(new URL(text).protocol)) {
    reader.problem('DATABASE_URL', `must be a postgres:// URL: ${how}`)
    return ''
  }
  const url = new URL(text)
  const user = decoded(url.username)
  const password = decoded(url.password)
  if (user === undefined || password === undefined) {
    reader.problem('DATABASE_URL', `has a % in its user or password that encodes nothing, write %25: ${how}`)
    return ''
  }
  if (reader.production && user !== role && ownRoles.includes(user)) {
    reader.problem('DATABASE_URL', `must be of the role ${role}, not ${user}`)
  }
  if (reader.production && password && (reader.isPlaceholder(password) || password === user)) {
    reader.problem('DATABASE_URL', `has a placeholder for a password: ${how}`)
  }
  return text
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined
  }
}

/** REDIS_URL: redis(s):// or the absolute path of a unix socket. */
export function readRedisUrl(reader: Reader): string {
  const how = 'set it to redis://host:port or the path of a unix socket'
  const text = reader.required('REDIS_URL', how)
  if (text === undefined) return ''
  const valid = text.startsWith('/') || (/^rediss?:\/\//.test(text) && URL.canParse(text))
  if (!valid) reader.problem('REDIS_URL', `is neither a redis:// URL nor a path: ${how}`)
  return text
}

/** A required key of 32 bytes in base64url, or a comma list of such; in production not a regular one such as zeros. */
export function readKeys32(reader: Reader, name: VariableName, how: string): Buffer[] {
  const text = reader.required(name, how)
  return (text?.split(',') ?? []).map((one) => {
    const key = parseKey32(one.trim())
    if (!key) reader.problem(name, `must be 32 bytes in base64url without padding: ${how}`)
    else reader.checkStrength(name, one.trim(), how, 43)
    return key ?? Buffer.alloc(0)
  })
}

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const
export type LogLevel = (typeof logLevels)[number]
