import { join } from 'node:path'
import { type EnvFile, readEnvFile, type Variables } from '../env-files.ts'
import { type Layout, setupCommand } from '../layout.ts'
import { type RotationName, secretsOfRotation } from '../secrets/inventory.ts'
import { recordRotation } from '../secrets/record.ts'
import { askSupervisor } from '../status-socket.ts'
import { keepRetired } from './keep-retired.ts'
import { whyNotYet } from './overlap.ts'
import { markOf, type Plan, readPlan, removePlan, writePlan } from './plan.ts'
import { type Change, exchanges, pepperOf } from './values.ts'
import { changeEnvFile, readSecrets } from './write-env.ts'

export type Asked = {
  /** Take the value before off, where that is the operator's to say. */
  finish?: boolean
  /** They know what stops then. */
  yes?: boolean
  /** Everything has been started anew since the last call, and is ready. */
  restarted?: boolean
}

/** `restart`: start everything anew, then call again. `wait`: both values are good; come back later. */
export type Outcome = { next: 'restart' | 'wait' | 'done'; lines: string[] }

/** Runs one change of the disk. A test ends the program before or after any of them. */
export type Effect = (what: string, run: () => Promise<unknown>) => Promise<void>

const really: Effect = async (_, run) => void (await run())

/**
 * Takes the exchange of a secret as far as it goes without a start of everything. What has been done is on the disk after each
 * change, so whoever is killed anywhere asks again and goes on; until a step is written the one before holds.
 */
export async function advance(
  layout: Layout,
  name: RotationName,
  asked: Asked,
  effect: Effect = really,
): Promise<Outcome> {
  const { config } = layout
  const { about, begin, finish } = exchanges[name]
  let plan = await readPlan(config, name)
  if (!plan) {
    if (asked.finish)
      throw new Error(`no exchange of ${name} waits for its end: ${command(layout, name)} begins one`)
    // Without one of its own the pepper follows from this key, and would end with it.
    if (name === 'capability-key') await effect('keep pepper', () => keepPepper(config))
    plan = await planned(layout, name, begin)
    await save(plan)
  }
  if (plan.step === 'write') {
    await write(plan, begin)
    plan = { ...plan, step: 'restart' }
    await save(plan)
    return { next: 'restart', lines: [`${name}: the new value is written; notice: ${about}`] }
  }
  if (plan.step === 'restart') {
    if (!asked.restarted) return { next: 'restart', lines: [`${name}: going on where it stopped`] }
    const names = secretsOfRotation(name).map((one) => one.name)
    const changed = names.filter((one) => one in (plan as Plan).before)
    await effect('record', () => recordRotation(config, changed))
    if (!finish) return done(plan)
    plan = { ...plan, step: 'overlap', runsSince: await startOfApi(layout) }
    await save(plan)
  }
  if (plan.step === 'overlap') {
    const reason = await whyNotYet(layout, plan, asked)
    if (reason) return { next: 'wait', lines: reason }
    plan = { ...plan, step: 'finish', before: await marks(name, finish as Change) }
    await save(plan)
  }
  if (plan.step === 'finish') {
    if (name === 'encryption-key') await effect('keep retired keys', () => keepRetired(config))
    await write(plan, finish as Change)
    plan = { ...plan, step: 'restart-finished' }
    await save(plan)
    return { next: 'restart', lines: [`${name}: the value before is taken off`] }
  }
  if (!asked.restarted) return { next: 'restart', lines: [`${name}: going on where it stopped`] }
  return done(plan)

  function save(next: Plan): Promise<void> {
    return effect(`plan: ${next.step}`, () => writePlan(config, next))
  }

  async function done(ended: Plan): Promise<Outcome> {
    await effect('plan: removed', () => removePlan(config, name))
    return {
      next: 'done',
      lines: [`${name}: exchanged (begun ${ended.startedAt})`, ...afterwards(layout, name)],
    }
  }

  /** Those that still are what they were when the plan was made. */
  async function write({ before }: Plan, change: Change): Promise<void> {
    const now = await valuesOf(layout, name)
    const changes = change(now)
    for (const file of filesOf(name)) {
      const own = namesIn(name, file).filter((one) => one in changes && before[one] === markOf(now[one]))
      if (own.length === 0) continue
      const values = Object.fromEntries(own.map((one) => [one, changes[one] as string]))
      await effect(`write ${file}.env`, () => changeEnvFile(config, file, values))
    }
  }

  async function marks(of: RotationName, change: Change): Promise<Plan['before']> {
    const now = await valuesOf(layout, of)
    return Object.fromEntries(Object.keys(change(now)).map((one) => [one, markOf(now[one])]))
  }
}

/** Throws where this installation has no such secret, or has it where it cannot be replaced. */
async function planned(layout: Layout, name: RotationName, begin: Change): Promise<Plan> {
  const now = await valuesOf(layout, name)
  // It and the keys before it change in one rename, or a start in between would number them wrongly.
  const here = (await readEnvFile(layout.config, 'worker'))['ENCRYPTION_KEY'] ?? ''
  if (name === 'encryption-key' && !/^[0-9a-f]{64}$/i.test(here)) {
    throw new Error(
      'ENCRYPTION_KEY does not stand in worker.env: move it there, exchange it, and move it back (docs/rotation.md)',
    )
  }
  const changes = begin(now)
  const before = Object.fromEntries(Object.keys(changes).map((one) => [one, markOf(now[one])]))
  if (Object.keys(before).length === 0) {
    throw new Error(
      name === 'redis-passwords'
        ? 'Redis has no password here: it listens on a unix socket that only api and worker may use'
        : `this installation has no ${name}: run ${setupCommand(layout)}`,
    )
  }
  return { name, startedAt: new Date().toISOString(), step: 'write', before }
}

const filesOf = (name: RotationName): EnvFile[] => [
  ...new Set(secretsOfRotation(name).map((one) => one.file)),
]
const namesIn = (name: RotationName, file: EnvFile): string[] =>
  secretsOfRotation(name)
    .filter((one) => one.file === file)
    .map((one) => one.name)

/** What the files that hold the secret say now. */
async function valuesOf(layout: Layout, name: RotationName): Promise<Variables> {
  const read = await Promise.all(filesOf(name).map((file) => readSecrets(layout.config, file)))
  return Object.assign({}, ...read)
}

const command = (layout: Layout, name: RotationName) => `${setupCommand(layout)} --rotate ${name}`

/** When the api that runs was started; what it made before, it made with the value before. */
async function startOfApi(layout: Layout): Promise<string> {
  const status = await askSupervisor(layout.statusSocket, 'status')
  return status?.processes.find((one) => one.name === 'api')?.since ?? new Date().toISOString()
}

/** Writes the pepper down that follows from the capability key, where there is none yet and there may be API keys made with it. */
export async function keepPepper(config: string): Promise<void> {
  const api = await readSecrets(config, 'api')
  if (api['NORA_API_KEY_PEPPER'] || !api['NORA_CAPABILITY_PRIVATE_KEY']) return
  await changeEnvFile(config, 'api', { NORA_API_KEY_PEPPER: pepperOf(api) })
}

function afterwards(layout: Layout, name: RotationName): string[] {
  if (name === 'setup-token') return ['the new token stands in api.env as NORA_SETUP_TOKEN']
  if (name !== 'encryption-key') return []
  const kept = join(layout.config, 'retired-keys.txt')
  return [
    `${kept} has the key before: move it to the backups of its time, off this machine, and remove it here`,
  ]
}
