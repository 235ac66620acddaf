import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { describeVariable, type VariableName, variableNames } from '@nora/config/variables'

/** A secret's value, and the file (from the config folder on) and name that it has there. */
export type Secret = { name: string; value: string }

/** Shorter ones would be found anywhere. */
const leastLength = 12

/**
 * Every secret in an installation's config folder: variables that are secret, in the env files; each file below `compose/secrets`;
 * private keys; passwords of accounts. Of a list or an address of a database each part counts.
 */
export async function secretsOf(config: string): Promise<Secret[]> {
  const files = await readdir(config, { recursive: true, withFileTypes: true })
  const found: Secret[] = []
  for (const file of files) {
    if (!file.isFile()) continue
    const path = join(file.parentPath, file.name)
    found.push(...secretsIn(relative(config, path), await readFile(path, 'utf8')))
  }
  return found
}

/** The secrets in one file. `path` from the config folder on decides how it is read. Pure. */
export function secretsIn(path: string, text: string): Secret[] {
  const named = (name: string, value: string) =>
    partsOf(value).map((part) => ({ name: `${path} ${name}`.trim(), value: part }))
  const whole = (): Secret[] => {
    if (text.includes('PRIVATE KEY')) return [{ name: path, value: text.replace(/-----[^-]+-----|\s/g, '') }]
    if (text.includes('CERTIFICATE')) return []
    if (path.endsWith('.acl'))
      return [...text.matchAll(/#([0-9a-f]{64})/g)].map(([, hash]) => ({ name: path, value: hash! }))
    return named('', text.trim())
  }
  const secrets =
    path.startsWith('compose/secrets/') || path.startsWith('tls/')
      ? whole()
      : /^[\w-]+\.env$/.test(path)
        ? text.split('\n').flatMap((line) => {
            const [, name = '', value = ''] = /^([A-Z0-9_]+)=(.*)$/.exec(line) ?? []
            return isSecret(name) ? named(name, value.replace(/^(['"])(.*)\1$/, '$2')) : []
          })
        : [...text.matchAll(/"password":\s*"([^"]+)"/g)].flatMap(([, value]) => named('password', value!))
  return secrets.filter(({ value }) => value.length >= leastLength)
}

const isSecret = (name: string) =>
  (variableNames as string[]).includes(name) && describeVariable(name as VariableName).secret === true

function partsOf(value: string): string[] {
  const url = /^[a-z]+:\/\/[^:/@]*:([^@]+)@/.exec(value)?.[1]
  // NORA_SEAL_KEY is nsk1.<version>.<public>.<psk>; previous keys are <version>:<hex>.
  return url
    ? [decodeURIComponent(url)]
    : value.split(/[,:]/).flatMap((part) => (part.startsWith('nsk1.') ? [part, part.split('.')[3]!] : [part]))
}

/** How a secret may stand somewhere: itself, within an address, and as hex, base64 or base64url of its text or of the bytes that it means. */
export function formsOf(value: string): string[] {
  const bytes = [Buffer.from(value)]
  if (/^([0-9a-f]{2})+$/i.test(value)) bytes.push(Buffer.from(value, 'hex'))
  else if (/^[\w+/-]+={0,2}$/.test(value)) bytes.push(Buffer.from(value, 'base64url'))
  const forms = bytes.flatMap((one) => {
    const [hex, base64] = [one.toString('hex'), one.toString('base64')]
    return [hex, hex.toUpperCase(), base64, base64.replace(/=+$/, ''), one.toString('base64url')]
  })
  return [...new Set([value, encodeURIComponent(value), ...forms])].filter(
    (form) => form.length >= leastLength,
  )
}

/** Names of the secrets that stand in a text in any form. Their values are never given back. */
export const secretsFoundIn = (text: string, secrets: Secret[]): string[] =>
  secrets.filter(({ value }) => formsOf(value).some((form) => text.includes(form))).map(({ name }) => name)
