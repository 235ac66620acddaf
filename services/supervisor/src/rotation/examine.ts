import { type Layout, setupCommand } from '../layout.ts'
import { unfinished } from './list.ts'
import { sealedBy } from './sealed-left.ts'
import { heldKeys, keyVersionOf } from './values.ts'
import { readSecrets } from './write-env.ts'

type Say = (ok: boolean, what: string, fix?: string) => void

const dayMs = 86_400_000

/**
 * What the doctor says of exchanges: those that were left half-way, and keys that stored records still need and worker.env no longer
 * has, before the worker is started without them.
 */
export async function examineRotations(layout: Layout, running: boolean, say: Say): Promise<void> {
  for (const { name, step, startedAt } of await unfinished(layout)) {
    // While both values are good nothing is wrong, but for one that is forgotten.
    const fresh = step === 'overlap' && Date.now() - Date.parse(startedAt) < 7 * dayMs
    say(fresh, `an exchange of ${name} is under way`, `run ${setupCommand(layout)} --rotate ${name}`)
  }
  if (!running) return
  const worker = await readSecrets(layout.config, 'worker')
  const had = [keyVersionOf(worker), ...heldKeys(worker).map((key) => Number.parseInt(key, 10))]
  const rows = await sealedBy(layout).catch((error: Error) => error)
  if (rows instanceof Error) return say(false, 'what is stored can be counted', rows.message)
  const missing = rows.filter((one) => one.version > 0 && one.records > 0 && !had.includes(one.version))
  const words = missing.map(({ version, records }) => `key ${version} (${records} records)`).join(', ')
  say(
    missing.length === 0,
    missing.length === 0 ? 'worker.env has every key that stored secrets need' : `worker.env lacks ${words}`,
    'put <version>:<key> back into ENCRYPTION_KEYS_PREVIOUS: nothing is lost while you have it (docs/rotation.md)',
  )
}
