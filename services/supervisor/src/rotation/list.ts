import { type Layout, setupCommand } from '../layout.ts'
import { type RotationName, rotationNames, secretsOfRotation } from '../secrets/inventory.ts'
import { presentSecrets, readRecord, type SecretsRecord } from '../secrets/record.ts'
import { type Plan, readPlan } from './plan.ts'
import { exchanges } from './values.ts'

const stands: Record<Plan['step'], string> = {
  write: 'begun',
  restart: 'begun: everything is to start with it',
  overlap: 'both values are good',
  finish: 'the value before is being taken off',
  'restart-finished': 'ended: everything is to start without the value before',
}

/** What `--rotate` takes in this installation, with what each does to people and when it was exchanged last. */
export async function listRotations(layout: Layout): Promise<string[]> {
  const present = new Set((await presentSecrets(layout.config)).map((one) => one.name))
  const record = await readRecord(layout.config)
  const lines: string[] = []
  for (const name of rotationNames) {
    const names = secretsOfRotation(name).map((one) => one.name)
    if (name !== 'hub-pepper' && !names.some((one) => present.has(one as never))) continue
    lines.push(`${name.padEnd(20)}${lastOf(record, names)}`, `${' '.repeat(20)}${exchanges[name].about}`)
    const plan = await readPlan(layout.config, name)
    if (plan) lines.push(`${' '.repeat(20)}under way since ${plan.startedAt}: ${stands[plan.step]}`)
  }
  return [...lines, `exchange one: ${setupCommand(layout)} --rotate NAME`]
}

function lastOf(record: SecretsRecord, names: readonly string[]): string {
  const known = names.flatMap((name) => record[name] ?? [])
  const rotated = known.flatMap((one) => one.rotatedAt ?? []).sort()
  if (rotated.length > 0) return `exchanged ${rotated.at(-1)?.slice(0, 10)}`
  const made = known.map((one) => one.madeAt).sort()
  return made.length > 0 ? `made ${made[0]?.slice(0, 10)}` : 'follows from the capability key'
}

/** Exchanges that have begun and not ended, for the doctor. */
export async function unfinished(layout: Layout): Promise<Plan[]> {
  const plans = await Promise.all(rotationNames.map((name) => readPlan(layout.config, name)))
  return plans.filter((plan) => plan !== undefined)
}

/** @throws for what is no name of a rotation. */
export function rotationNamed(text: string | undefined): RotationName {
  const name = rotationNames.find((one) => one === text)
  if (!name) throw new Error(`say which: ${rotationNames.join(', ')}`)
  return name
}
