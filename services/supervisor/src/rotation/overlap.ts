import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { hkdf32 } from '@nora/crypto/hkdf'
import { callAsMigrator } from '../as-migrator.ts'
import { type Layout, setupCommand } from '../layout.ts'
import type { Plan } from './plan.ts'
import { sealedLeft } from './sealed-left.ts'
import { keyVersionOf } from './values.ts'
import { readSecrets } from './write-env.ts'

/** An access token is good for ten minutes; some for clocks that differ. */
const tokenMs = 11 * 60_000
/** How long a command looks on while rows are re-sealed, before it leaves that to the worker. */
const lookOnMs = 60_000
const proofMs = 60_000

type Asked = { finish?: boolean; yes?: boolean }

/** Why the value before is still needed, in lines for people; undefined: it can go. */
export async function whyNotYet(layout: Layout, plan: Plan, asked: Asked): Promise<string[] | undefined> {
  const end = `${setupCommand(layout)} --rotate ${plan.name} --finish`
  switch (plan.name) {
    case 'jwt': {
      const until = new Date(Date.parse(plan.runsSince ?? plan.startedAt) + tokenMs)
      if (Date.now() >= until.getTime() || (asked.finish && asked.yes)) return undefined
      return [
        `access tokens that the secret before has signed are good until ${until.toISOString()}`,
        `then: ${end}`,
      ]
    }
    case 'capability-key':
      await proofIsKnown(layout)
      return undefined
    case 'hub-pepper': {
      const left = await callAsMigrator<string>(layout, 'nora.hub_keys_before($1)', [plan.runsSince])
      if (asked.finish && (Number(left) === 0 || asked.yes)) return undefined
      return Number(left) === 0
        ? [`no API key needs the pepper before: ${end}`]
        : [
            `${left} API keys have not been used since: they stop when it ends, and each goes on once it is used before`,
            `${end}, or now with --yes`,
          ]
    }
    case 'encryption-key':
      return oldRows(layout, asked, end)
    default:
      return undefined
  }
}

/** The api shows its new proof right after it has started, with the one before. Throws when it does not. */
async function proofIsKnown(layout: Layout): Promise<void> {
  const { NORA_CAPABILITY_PRIVATE_KEY: keys } = await readSecrets(layout.config, 'api')
  const seed = Buffer.from(keys?.split(',')[0]?.trim() ?? '', 'base64url')
  const verifier = createHash('sha256').update(hkdf32(seed, 'api-proof')).digest()
  const deadline = Date.now() + proofMs
  while (!(await callAsMigrator<boolean>(layout, 'nora.knows_api_proof($1)', [verifier]))) {
    if (Date.now() > deadline) {
      throw new Error(
        `the database has not taken the proof of the new key: read ${layout.logs}/api.log, then run this again`,
      )
    }
    await delay(500)
  }
}

async function oldRows(layout: Layout, asked: Asked, end: string): Promise<string[] | undefined> {
  const current = keyVersionOf(await readSecrets(layout.config, 'worker'))
  const deadline = Date.now() + lookOnMs
  let left = await sealedLeft(layout, current)
  const began = { at: Date.now(), records: left.records }
  while (left.records > left.unopened && Date.now() < deadline) {
    await delay(1_000)
    left = await sealedLeft(layout, current)
    process.stdout.write(`  ${left.records} records are still sealed with the key before\n`)
  }
  if (left.records === 0) {
    if (asked.finish) return undefined
    return [
      `everything is sealed with key ${current}`,
      'put a copy of the new ENCRYPTION_KEY off this machine, and of public-key.txt of the audit (docs/audit.md)',
      `then take the key before off: ${end}`,
    ]
  }
  if (left.records === left.unopened) {
    return [
      `${left.records} records do not open: have their owners replace or delete them (the admin app names them), then ${end}`,
    ]
  }
  const rate = (began.records - left.records) / ((Date.now() - began.at) / 1000)
  const rest = rate > 0 ? `, ${rate.toFixed(0)} a second: about ${Math.ceil(left.records / rate)} s more` : ''
  return [
    `${left.records} records are still sealed with the key before${rest}; the worker goes on by itself (the admin app shows it)`,
    `then: ${end}`,
  ]
}
