import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { keySourceVariables } from '@nora/config/encryption-key'
import { type EnvFile, readEnvFile, type Variables } from '../env-files.ts'
import { type EnvSecret, envSecrets } from './inventory.ts'

/** When each secret was made and last exchanged, ISO 8601 in UTC. Nothing of any value. */
export type SecretsRecord = Record<string, { madeAt: string; rotatedAt?: string }>

const pathOf = (config: string) => join(config, 'secrets.json')

/** The record of an installation; empty when there is none. Throws, naming the fix, when it is no record. */
export async function readRecord(config: string): Promise<SecretsRecord> {
  const text = await readFile(pathOf(config), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}'
    throw error
  })
  const record = parsed(text)
  if (record) return record
  throw new Error(`${pathOf(config)} is broken: remove it, the next ./setup.sh makes it anew`)
}

function parsed(text: string): SecretsRecord | undefined {
  try {
    const read: unknown = JSON.parse(text)
    if (typeof read !== 'object' || read === null || Array.isArray(read)) return undefined
    const whole = Object.values(read).every(
      (one) => isDate(one?.madeAt) && (one.rotatedAt === undefined || isDate(one.rotatedAt)),
    )
    return whole ? (read as SecretsRecord) : undefined
  } catch {
    return undefined
  }
}

const isDate = (value: unknown) => typeof value === 'string' && Number.isFinite(Date.parse(value))

/** Replaces the record, mode 0600: a reader sees the old or the new one whole. */
async function writeRecord(config: string, record: SecretsRecord): Promise<void> {
  const fresh = `${pathOf(config)}.new`
  await rm(fresh, { force: true })
  await writeFile(fresh, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
  await rename(fresh, pathOf(config))
}

/** The env secrets that an installation has, whichever way they are given. */
export async function presentSecrets(config: string): Promise<EnvSecret[]> {
  const names = [...new Set(envSecrets.map((one) => one.file))]
  const files = new Map<EnvFile, Variables>()
  for (const name of names) files.set(name, await readEnvFile(config, name))
  return envSecrets.filter(({ file, name }) => {
    const variables = files.get(file) ?? {}
    const given = name === 'ENCRYPTION_KEY' ? keySourceVariables : [name, `${name}_FILE`]
    return given.some((one) => variables[one])
  })
}

/**
 * Adds what the record lacks, as old as the env file it stands in (of an installation that is older than the record), and takes off
 * what is no longer there. Set-up calls it after it has made secrets.
 */
export async function completeRecord(config: string): Promise<SecretsRecord> {
  const known = await readRecord(config)
  const record: SecretsRecord = {}
  for (const { name, file } of await presentSecrets(config)) {
    record[name] = known[name] ?? {
      madeAt: (await stat(join(config, `${file}.env`))).mtime.toISOString(),
    }
  }
  if (JSON.stringify(record) !== JSON.stringify(known)) await writeRecord(config, record)
  return record
}

/** Notes that secrets have been exchanged. Names are those of the inventory; throws for another. */
export async function recordRotation(
  config: string,
  names: readonly string[],
  at = new Date(),
): Promise<void> {
  const unknown = names.find((name) => !envSecrets.some((one) => one.name === name))
  if (unknown !== undefined) throw new Error(`${unknown} is no secret of the inventory: see docs/secrets.md`)
  const record = await readRecord(config)
  const now = at.toISOString()
  for (const name of names) record[name] = { madeAt: record[name]?.madeAt ?? now, rotatedAt: now }
  await writeRecord(config, record)
}
