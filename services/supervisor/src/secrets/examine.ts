import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { keySourceVariables } from '@nora/config/encryption-key'
import { describeVariable, variableNames } from '@nora/config/variables'
import { weaknessOf } from '@nora/config/weakness'
import { type EnvFile, readEnvFile, type Variables } from '../env-files.ts'
import { type Layout, setupCommand } from '../layout.ts'
import { examineModes } from './examine-modes.ts'
import { type EnvSecret, envSecrets, inventory } from './inventory.ts'
import { presentSecrets, readRecord } from './record.ts'

/** `warning`: it works, and wants to be done soon. */
export type Level = 'problem' | 'warning'
export type Report = (level: Level, what: string, fix: string) => void
type Say = (ok: boolean, what: string, fix?: string, level?: Level) => void

const dayMs = 86_400_000

/** Looks at every secret of an installation: who may read it, how it is given, how strong and how old it is. Changes nothing. */
export async function examineSecrets(layout: Layout, say: Say, now = Date.now()): Promise<void> {
  /** A part says what is wrong, or once that nothing is. */
  const part = async (fine: string, look: (report: Report) => Promise<void>) => {
    let found = 0
    await look((level, what, fix) => {
      found++
      say(false, what, fix, level)
    }).catch((error: Error) => {
      found++
      say(false, error.message, `read docs/secrets.md, then run ${setupCommand(layout)}`)
    })
    if (found === 0) say(true, fine)
  }
  const names: EnvFile[] = ['api', 'worker', 'migrate']
  const files = new Map<EnvFile, Variables>()
  for (const name of names) files.set(name, await readEnvFile(layout.config, name).catch(() => ({})))

  await part('secrets are closed to others, and there are no copies of them', (report) =>
    examineModes(layout, files, report),
  )
  await part('each secret is given once, to the process that may hold it', async (report) =>
    examinePlaces(layout, files, report),
  )
  await part('no secret is weak', async (report) => examineStrength(layout, files, report))
  await part('no secret is overdue', (report) => examineAges(layout, now, report))
  await part('the certificate is good for weeks', (report) => examineCertificate(layout, now, report))
}

function examinePlaces(layout: Layout, files: Map<EnvFile, Variables>, report: Report): void {
  for (const [file, variables] of files) {
    const path = join(layout.config, `${file}.env`)
    for (const name of variableNames) {
      const facts = describeVariable(name)
      const ways = name === 'ENCRYPTION_KEY' ? [...keySourceVariables] : [name, `${name}_FILE`]
      const given = ways.filter((one) => variables[one])
      if (given.length === 0) continue
      const forbidden = facts.forbiddenTo?.some((service) => service === file)
      if (forbidden) report('problem', `${given.join(', ')} must not be in ${path}`, `remove it from ${path}`)
      else if (facts.secret && given.length > 1) {
        report(
          'problem',
          `${name} is given ${given.length} times: ${given.join(', ')}`,
          `keep one in ${path}`,
        )
      }
    }
  }
}

/** The fewest bytes of what set-up makes; what providers give is as long as they like. */
const leastBytes: Partial<Record<EnvSecret['name'], number>> = {
  ...{ ENCRYPTION_KEY: 64, JWT_SECRET: 32, NORA_CAPABILITY_PRIVATE_KEY: 43, NORA_API_KEY_PEPPER: 64 },
  ...{ NORA_SETUP_TOKEN: 32, NORA_DB_PASSWORD_MIGRATOR: 24, NORA_DB_PASSWORD_APP: 24 },
  ...{ NORA_DB_PASSWORD_WORKER: 24, NORA_REDIS_PASSWORD_API: 24, NORA_REDIS_PASSWORD_WORKER: 24 },
}

async function examineStrength(layout: Layout, files: Map<EnvFile, Variables>, report: Report) {
  for (const { name, file, rotation } of envSecrets) {
    const least = leastBytes[name]
    const variables = files.get(file) ?? {}
    const path = variables[`${name}_FILE`]
    const value = variables[name] ?? (path ? await readFile(path, 'utf8').catch(() => '') : '')
    if (least === undefined || !value.trim()) continue
    const weakness = value.split(',').map((one) => weaknessOf(one.trim(), least))
    const found = weakness.find((one) => one !== undefined)
    if (found) report('problem', `${name} ${found}`, rotateCommand(layout, rotation ?? ''))
  }
}

const rotateCommand = (layout: Layout, rotation: string) => `run ${setupCommand(layout)} --rotate ${rotation}`

async function examineAges(layout: Layout, now: number, report: Report): Promise<void> {
  const record = await readRecord(layout.config)
  for (const secret of await presentSecrets(layout.config)) {
    const noted = record[secret.name]
    if (!noted) {
      report('warning', `the age of ${secret.name} is not noted`, `run ${setupCommand(layout)}`)
      continue
    }
    if (secret.cadenceDays === undefined) continue
    const days = Math.floor((now - Date.parse(noted.rotatedAt ?? noted.madeAt)) / dayMs)
    if (days <= secret.cadenceDays) continue
    const replaced = `${setupCommand(layout)} --secret-replaced ${secret.name}`
    const fix = secret.rotation
      ? rotateCommand(layout, secret.rotation)
      : `make another one at the provider, run ${setupCommand(layout)}, then ${replaced}`
    report('warning', `${secret.name} is ${days} days old, its cadence is ${secret.cadenceDays}`, fix)
  }
}

async function examineCertificate(layout: Layout, now: number, report: Report): Promise<void> {
  const key = inventory.find((one) => one.path !== undefined)
  const text = await readFile(join(layout.config, 'tls/fullchain.pem')).catch(() => undefined)
  if (!text || !key) return
  const days = Math.floor((Date.parse(new X509Certificate(text).validTo) - now) / dayMs)
  const fix = 'run infra/setup-tls.sh'
  if (days < 0) report('problem', `the certificate ended ${-days} days ago`, fix)
  else if (days < 21) report('warning', `the certificate ends in ${days} days`, fix)
}
