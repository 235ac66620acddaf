import type { Action } from '../../services/worker/src/reconcile/plan.ts'
import type { Victim } from '../world/world.ts'
import { type FlowName, flowNames } from './flows.ts'

/** When the victim dies: as the step is announced, in the middle of it, or once the operation has been written down. */
export type Moment = 'begin' | 'middle' | 'asked' | 'ended'

/** One kill in one flow. `step`: of the plan; the asked and the ended have none. */
export type Cell = { flow: FlowName; victim: Victim; moment: Moment; step: Action | null }

/** What each flow goes through when nothing dies. A world measures it first, and refuses when it is not so any more. */
export const stepsOf = {
  provision: [
    ...['ensure-image', 'ensure-network', 'ensure-storage', 'deliver-keys', 'ensure-container', 'start'],
    ...['attach-gateway', 'route', 'await-healthy'],
  ],
  'sync-keys': ['deliver-keys', 'reload-keys', 'route', 'await-healthy'],
  restart: ['stop', 'deliver-keys', 'start', 'route', 'await-healthy'],
  redeploy: [
    ...['stop', 'remove-container', 'deliver-keys', 'ensure-container', 'start', 'route', 'await-healthy'],
  ],
  stop: ['stop', 'route', 'remove-keys'],
  start: ['deliver-keys', 'start', 'route', 'await-healthy'],
  delete: ['stop', 'remove-container', 'route', 'remove-network', 'remove-storage', 'remove-keys'],
} as const satisfies Record<FlowName, readonly Action[]>

type Step = (typeof stepsOf)[FlowName][number]

/** The identity; it does not compile while a step of the plan is in no flow. What answers an ended program or a renamed container is another test's business. */
export const inSomeFlow = (step: Exclude<Action, 'record-crash' | 'restore-name'>): Step => step

/** How long each step of a flow took when nothing died, in milliseconds. */
export type Times = Record<FlowName, Map<string, number>>

/** The steps at which the others die: where each of them matters most to the flow. */
const sorest: Record<FlowName, { gateway: Action; postgres: Action; engine: Action }> = {
  provision: { gateway: 'attach-gateway', postgres: 'ensure-container', engine: 'start' },
  'sync-keys': { gateway: 'reload-keys', postgres: 'deliver-keys', engine: 'reload-keys' },
  restart: { gateway: 'await-healthy', postgres: 'stop', engine: 'stop' },
  redeploy: { gateway: 'route', postgres: 'remove-container', engine: 'remove-container' },
  stop: { gateway: 'route', postgres: 'stop', engine: 'stop' },
  start: { gateway: 'await-healthy', postgres: 'start', engine: 'start' },
  delete: { gateway: 'remove-network', postgres: 'remove-storage', engine: 'remove-network' },
}

/** Every cell of the matrix. `thin`: the worker at each step of each flow, and each other victim once. */
export function allCells(thin: boolean): Cell[] {
  return flowNames.flatMap((flow, at) => {
    const worker = stepsOf[flow].flatMap((step): Cell[] => {
      const cell: Cell = { flow, victim: 'worker', moment: 'begin', step }
      return thin ? [cell] : [cell, { ...cell, moment: 'middle' }]
    })
    worker.push({ flow, victim: 'worker', moment: 'ended', step: null })
    const others: Cell[] = [
      ...(['api', 'redis', 'flushall'] as const).map(
        (victim): Cell => ({ flow, victim, moment: 'asked', step: null }),
      ),
      ...(['gateway', 'postgres', 'engine'] as const).map(
        (victim): Cell => ({ flow, victim, moment: 'begin', step: sorest[flow][victim] }),
      ),
      { flow, victim: 'engine', moment: 'middle', step: sorest[flow].engine },
    ]
    // Each flow gets one of them, so that each of them is there once.
    return [...worker, ...(thin ? others.filter((_, index) => index === at) : others)]
  })
}

/** One agent's way: each flow at most once, with a cell where there is one left. */
export type Chain = { flow: FlowName; cell: Cell | null }[]

/**
 * Strings the cells together, so that one agent lives through a cell of each flow and no cell needs an agent of its own
 * made ready. What leads nowhere is left out: a flow without a cell is only gone through for the sake of a later one.
 */
export function chainsOf(cells: Cell[]): Chain[] {
  const left = new Map(flowNames.map((flow) => [flow, cells.filter((cell) => cell.flow === flow)]))
  const chains: Chain[] = []
  while ([...left.values()].some((rest) => rest.length > 0)) {
    const taken = flowNames.map((flow) => ({ flow, cell: left.get(flow)?.shift() ?? null }))
    const starts = taken.some(({ flow, cell }) => flow === 'start' && cell)
    chains.push(
      taken.filter(
        ({ flow, cell }) => cell || flow === 'provision' || flow === 'delete' || (flow === 'stop' && starts),
      ),
    )
  }
  return chains
}

/** For people: `worker at stop`, `engine at remove-network`. */
export function wordsOf({ victim, moment, step }: Cell): string {
  if (moment === 'asked') return `${victim} as it is asked`
  if (moment === 'ended') return `${victim} once it is done`
  return `${victim} ${moment === 'begin' ? 'at' : 'in'} ${step}`
}

export const matches = (cell: Cell, only: string | undefined): boolean =>
  only === undefined || `${cell.flow}: ${wordsOf(cell)}`.includes(only)
