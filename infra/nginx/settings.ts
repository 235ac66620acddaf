import { isIP } from 'node:net'

/** What nginx's configuration is made of. Every value has been checked: it may stand in a configuration file as it is. */
export type EdgeSettings = {
  /** Host name (or address) of the console, in lower case, without a port. */
  publicHost: string
  /** The admin app's. The same only where it is loopback. */
  adminHost: string
  /** Below which agents will have origins of their own; reserved in this version. */
  agentsDomain: string | undefined
  /** The https port that browsers use. */
  publicPort: number
  /** Ports that nginx listens on itself. */
  httpPort: number
  httpsPort: number
  /** On loopback alone: answers 200 to health checks. */
  healthPort: number
  /** IPv4 or IPv6 addresses to listen on. */
  listen: readonly string[]
  /** Holds fullchain.pem and privkey.pem. */
  certDir: string
  acmeWebroot: string
  /** host:port */
  apiUpstream: string
  consoleUpstream: string
  adminUpstream: string
  /** Whose word about the caller's address is believed. */
  realIp: 'none' | 'cloudflare' | readonly string[]
  /** Nobody but those may connect. */
  onlyThroughProxy: boolean
  /** Browsers trust the certificate: they may then be told to insist on https. */
  realCertificate: boolean
  /** Asks the certificate's OCSP responder, which is a connection to the outside. */
  ocspStapling: boolean
  /** Whose CAPTCHA sign-up asks for. */
  captcha: 'none' | 'turnstile' | 'recaptcha'
  /** NORA_INVOKE_MAX_BODY_MB. */
  invokeMaxBodyMb: number
  /** Calls a minute of one address to each of sign-in, sign-up, step-up and password. */
  authPerMinute: number
  /** Calls a second of one address to the rest of the api. */
  apiPerSecond: number
  /** Open requests of one address. */
  connectionsPerAddress: number
  /** Folder for nginx's pid and temporary files, which must be there. */
  tmpDir: string
  /** A file, /dev/stdout or `off`. */
  accessLog: string
  /** Folder of a built app, where a static server finds it, and the port it listens on. */
  pagesDir: string
  pagesPort: number
}

export class SettingsError extends Error {
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

type Check<T> = (value: unknown) => T | undefined
type Rule<T> = { check: Check<T>; must: string; byDefault?: T }

const text = (value: unknown) => (typeof value === 'string' ? value : undefined)
const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
const hostName = new RegExp(`^(?=.{1,253}$)${label}(?:\\.${label})*$`)

/** A host name or an address in lower case; undefined for anything else. */
export function parseHost(value: unknown): string | undefined {
  const host = text(value)?.toLowerCase() ?? ''
  if (isIP(host) === 4) return host
  if (/^\[[0-9a-f:.]+\]$/.test(host) && isIP(host.slice(1, -1)) === 6) return host
  // What ends in a number is an address that was written wrongly (WHATWG URL 3.5).
  return hostName.test(host) && !/(^|\.)\d+$/.test(host) ? host : undefined
}

function upstream(value: unknown): string | undefined {
  const found = /^(.+):(\d{1,5})$/.exec(text(value) ?? '')
  const host = found && parseUpstreamHost(found[1]!)
  return host && Number(found[2]) >= 1 && Number(found[2]) <= 65_535 ? `${host}:${found[2]}` : undefined
}
// A container's name may have an underscore.
const parseUpstreamHost = (name: string) =>
  parseHost(name) ?? (/^[a-z0-9][a-z0-9_-]{0,62}$/.test(name) ? name : undefined)

const whole =
  (min: number, max: number): Check<number> =>
  (value) => {
    const number = typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value
    return typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max
      ? number
      : undefined
  }
const yes: Check<boolean> = (value) =>
  value === true || value === 'true' ? true : value === false || value === 'false' ? false : undefined
// Nothing that nginx gives a meaning (space ; { } $ quotes #), and no way up.
const path: Check<string> = (value) => {
  const found = text(value) ?? ''
  return /^(?:\/[A-Za-z0-9._@+-]+)+$/.test(found) && !/\/\.\.?(\/|$)/.test(found) ? found : undefined
}
const list = (value: unknown): unknown[] =>
  Array.isArray(value) ? value : (text(value) ?? '').split(',').map((part) => part.trim())

function addresses(value: unknown): string[] | undefined {
  const found = list(value)
  return found.length > 0 && found.every((one) => isIP(text(one) ?? '') > 0) ? (found as string[]) : undefined
}

/** A block of addresses, of which so few may be strangers that its word can be believed. */
function block(value: unknown): boolean {
  const [address = '', prefix, more] = (text(value) ?? '').split('/')
  const family = isIP(address)
  if (family === 0 || address.includes('%') || more !== undefined) return false
  if (prefix === undefined) return true
  return (
    /^\d{1,3}$/.test(prefix) &&
    Number(prefix) >= (family === 4 ? 8 : 16) &&
    Number(prefix) <= (family === 4 ? 32 : 128)
  )
}

const realIp: Check<EdgeSettings['realIp']> = (value) => {
  if (value === 'none' || value === 'cloudflare') return value
  const blocks = list(value)
  return blocks.length > 0 && blocks.every(block) ? (blocks as string[]) : undefined
}
const oneOf =
  <T extends string>(...names: T[]): Check<T> =>
  (value) =>
    names.find((name) => name === value)

const host = 'must be a host name or an address, without scheme and port'
const port = { check: whole(1, 65_535), must: 'must be a port' }
const absolute = 'must be an absolute path of letters, digits and . _ @ + - alone'
const target = 'must be <host>:<port>'

/** Every setting: what it may be, and what it is when it is not given. */
const rules: { [K in keyof EdgeSettings]: Rule<EdgeSettings[K]> } = {
  publicHost: { check: parseHost, must: host },
  adminHost: { check: parseHost, must: host },
  agentsDomain: { check: parseHost, must: host, byDefault: undefined },
  publicPort: { ...port, byDefault: 443 },
  httpPort: { ...port, byDefault: 8080 },
  httpsPort: { ...port, byDefault: 8443 },
  healthPort: { ...port, byDefault: 8081 },
  listen: { check: addresses, must: 'must list IP addresses', byDefault: ['0.0.0.0'] },
  certDir: { check: path, must: absolute, byDefault: '/etc/nora/tls' },
  acmeWebroot: { check: path, must: absolute, byDefault: '/var/lib/nora/acme' },
  apiUpstream: { check: upstream, must: target, byDefault: 'api:8080' },
  consoleUpstream: { check: upstream, must: target, byDefault: 'console:8080' },
  adminUpstream: { check: upstream, must: target, byDefault: 'admin:8080' },
  realIp: {
    check: realIp,
    must: 'must be none, cloudflare, or the addresses and CIDR blocks of your proxy (at least /8, of IPv6 /16)',
    byDefault: 'none',
  },
  onlyThroughProxy: { check: yes, must: 'must be true or false', byDefault: false },
  realCertificate: { check: yes, must: 'must be true or false', byDefault: false },
  ocspStapling: { check: yes, must: 'must be true or false', byDefault: false },
  captcha: {
    check: oneOf('none', 'turnstile', 'recaptcha'),
    must: 'must be none, turnstile or recaptcha',
    byDefault: 'none',
  },
  invokeMaxBodyMb: { check: whole(1, 1024), must: 'must be 1 to 1024', byDefault: 100 },
  authPerMinute: { check: whole(1, 10_000), must: 'must be 1 to 10000', byDefault: 5 },
  apiPerSecond: { check: whole(1, 10_000), must: 'must be 1 to 10000', byDefault: 20 },
  connectionsPerAddress: { check: whole(8, 100_000), must: 'must be 8 to 100000', byDefault: 256 },
  tmpDir: { check: path, must: absolute, byDefault: '/tmp' },
  accessLog: {
    check: (value) => (value === 'off' ? value : path(value)),
    must: `is \`off\` or ${absolute}`,
    byDefault: '/dev/stdout',
  },
  pagesDir: { check: path, must: absolute, byDefault: '/srv/www' },
  pagesPort: { ...port, byDefault: 8080 },
}

/** Every setting's name. */
export const settingNames = Object.keys(rules) as (keyof EdgeSettings)[]

/**
 * Checks settings as they came from a file or from flags (strings are taken for numbers, booleans and comma lists too).
 * @throws SettingsError with everything that is wrong; a value is never repeated in it.
 */
export function readSettings(given: Record<string, unknown>): EdgeSettings {
  const problems = Object.keys(given)
    .filter((name) => !Object.hasOwn(rules, name))
    .map((name) => `there is no setting ${JSON.stringify(name.slice(0, 40))}`)
  const settings: Record<string, unknown> = {}
  for (const [name, rule] of Object.entries(rules) as [string, Rule<unknown>][]) {
    const value = given[name]
    if (value === undefined && 'byDefault' in rule) settings[name] = rule.byDefault
    else {
      settings[name] = value === undefined ? undefined : rule.check(value)
      if (settings[name] === undefined)
        problems.push(`${name} ${value === undefined ? 'is missing' : rule.must}`)
    }
  }
  if (problems.length === 0) problems.push(...contradictions(settings as EdgeSettings))
  if (problems.length > 0) throw new SettingsError(problems)
  return settings as EdgeSettings
}

function contradictions(settings: EdgeSettings): string[] {
  const { publicHost, adminHost, agentsDomain, httpPort, httpsPort, healthPort } = settings
  const problems: string[] = []
  if (publicHost === adminHost && !isLoopbackHost(publicHost))
    problems.push(
      'adminHost must be another host than publicHost: browsers send cookies to every port of one',
    )
  for (const name of agentsDomain === undefined ? [] : [publicHost, adminHost]) {
    if (name === agentsDomain || name.endsWith(`.${agentsDomain}`))
      problems.push(`agentsDomain must not be ${name} or above it: agents' pages are strangers' pages`)
  }
  if (new Set([httpPort, httpsPort, healthPort]).size < 3)
    problems.push('httpPort, httpsPort and healthPort must differ')
  if (settings.onlyThroughProxy && settings.realIp === 'none')
    problems.push('onlyThroughProxy needs to know which proxy: set realIp')
  if (settings.ocspStapling && !settings.realCertificate)
    problems.push('ocspStapling needs a real certificate (realCertificate)')
  return problems
}

/** Loopback, as browsers and the api see it: "127.example.org" is somebody's name. */
export const isLoopbackHost = (name: string): boolean =>
  name === 'localhost' ||
  name.endsWith('.localhost') ||
  name === '[::1]' ||
  (isIP(name) === 4 && name.startsWith('127.'))
