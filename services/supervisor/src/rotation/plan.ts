import { createHash } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { RotationName } from '../secrets/inventory.ts'
import { replaceFile } from './write-env.ts'

/**
 * Where an exchange stands. `write`: new values are being written; `restart`: they are, nothing has started with them yet;
 * `overlap`: everything runs with them and the ones before; `finish` and `restart-finished`: the same for taking those off.
 */
export type Plan = {
  name: RotationName
  startedAt: string
  step: 'write' | 'restart' | 'overlap' | 'finish' | 'restart-finished'
  /** What is replaced, by name: the beginning of the SHA-256 of its value. A value that is another one has been written. */
  before: Record<string, string>
  /** Since when everything runs with the new values. */
  runsSince?: string
}

const pathOf = (config: string, name: RotationName) => join(config, `rotation-${name}.json`)

/** The exchange that has begun and not ended; undefined: none. */
export async function readPlan(config: string, name: RotationName): Promise<Plan | undefined> {
  const text = await readFile(pathOf(config, name), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  return text === undefined ? undefined : (JSON.parse(text) as Plan)
}

export const writePlan = (config: string, plan: Plan): Promise<void> =>
  replaceFile(pathOf(config, plan.name), `${JSON.stringify(plan, null, 2)}\n`)

export const removePlan = (config: string, name: RotationName): Promise<void> =>
  rm(pathOf(config, name), { force: true })

/** By which a plan knows a value again without holding it. */
export const markOf = (value: string | undefined): string =>
  createHash('sha256')
    .update(value ?? '')
    .digest('hex')
    .slice(0, 16)
