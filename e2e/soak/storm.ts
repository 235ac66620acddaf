import { setTimeout as delay } from 'node:timers/promises'
import { type Victim, victims, type World } from '../world/world.ts'
import type { Random } from './random.ts'

/** Whose deaths leave the memory of api, worker and gateway comparable over the whole time. */
const spared: readonly Victim[] = ['redis', 'flushall', 'postgres']
/** A first and a last part of the time in which everything may be killed. */
export const wildFirst = 0.2
export const wildLast = 0.85

/** Kills something every few seconds until the time is over; gives how often what was killed. */
export async function storm(
  world: World,
  random: Random,
  say: (line: string) => void,
  share: () => number,
  until: AbortSignal,
): Promise<Map<Victim, number>> {
  const kills = new Map<Victim, number>()
  while (!until.aborted) {
    await delay(random.between(4_000, 15_000), undefined, { signal: until }).catch(() => undefined)
    if (until.aborted) break
    const wild = share() < wildFirst || share() > wildLast
    const victim = random.pick(wild ? victims : spared)
    try {
      await world.kill(victim)
      kills.set(victim, (kills.get(victim) ?? 0) + 1)
      say(`killed ${victim}`)
    } catch (error) {
      say(`${victim} could not be killed now: ${error instanceof Error ? error.message : error}`)
    }
  }
  return kills
}
