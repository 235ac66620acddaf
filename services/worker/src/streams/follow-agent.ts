import { type FollowerActor, withActor } from '@nora/db/actor'
import { type Followable, readFollower } from '@nora/db/followers'
import type { Logger } from '@nora/log/logger'
import { BackendError } from '../backends/backend.ts'
import { lineBudget } from './line-budget.ts'
import { type LogWriter, openLogWriter, type WriterDeps } from './log-writer.ts'
import { type ReadDeps, readContainer } from './read-container.ts'

export type FollowDeps = WriterDeps &
  Pick<ReadDeps, 'backend'> & { log: Logger; lines: { perSecond: number; burst: number } }

/** One agent's log in this worker's hands. */
export type AgentFollower = {
  fence: number
  /** What is known of the agent now. `look`: somebody says that there is something to read. */
  update(agent: Followable, look: boolean): void
  status(): { reading: boolean; problem: string | null }
  /** Ends it when the commit under way, if any, has ended. */
  stop(): Promise<void>
  /** Resolves when it has ended, with the reason if it was none of ours. */
  over: Promise<unknown>
}

const reserveSeconds = 10
const retryMs = [250, 500, 1_000, 2_000, 5_000]
/** An ended container is looked at again after this, growing, while its agent is said to run: it may have been started. */
const lookAgainMs = [1_000, 2_000, 5_000, 10_000]
const atRest = new Set(['stopped', 'error', 'deleting', 'queued'])

/** Follows one agent's log through its containers, from where the stored cursor is, until it is stopped. */
export function followAgent(deps: FollowDeps, actor: FollowerActor, first: Followable): AgentFollower {
  let agent = first
  let look = false
  let reading = false
  let problem: string | null = null
  let wake = () => {}
  const stopping = new AbortController()
  const { signal } = stopping
  const budget = lineBudget(deps.lines)

  /** Resolves at the next update, at the stop, or after `ms`. */
  function change(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
      if (signal.aborted) wake()
    })
  }

  async function run(): Promise<void> {
    const stored = await withActor(deps.db, actor, (tx) => readFollower(tx, agent.agentId))
    if (!stored) return
    const writer = await openLogWriter(deps, actor, stored)
    let failures = 0
    let looks = 0
    while (!signal.aborted) {
      const { containerId, generation, settleRequested } = agent
      if (containerId === null) {
        await change()
        continue
      }
      if (containerId !== writer.state().containerId) {
        await writer.moveTo(containerId, generation)
        looks = 0
      }
      if (!look && writer.state().ended && settleRequested <= writer.state().settled) {
        await change(atRest.has(agent.state) ? undefined : lookAgainMs[looks++])
        if (!signal.aborted && looks >= lookAgainMs.length) looks = lookAgainMs.length - 1
        look ||= !atRest.has(agent.state)
        continue
      }
      look = false
      const before = writer.state().nextSeq
      try {
        await read(writer, containerId, settleRequested)
        failures = 0
      } catch (error) {
        await recover(writer, error, settleRequested, failures++)
      }
      if (writer.state().nextSeq > before) looks = 0
    }
  }

  async function read(writer: LogWriter, containerId: string, settleRequested: number): Promise<void> {
    reading = true
    problem = null
    try {
      const settling = () => agent.settleRequested > writer.state().settled
      const end = await readContainer({ ...deps, budget }, writer, containerId, () => !settling(), signal)
      if (end === 'ended') return await writer.end(settleRequested)
      problem = 'it prints faster than is stored: reading pauses'
      deps.log.warn({ agentId: agent.agentId, containerId }, problem)
    } finally {
      reading = false
    }
    const until = Date.now() + budget.waitMs(reserveSeconds)
    while (!signal.aborted && Date.now() < until && agent.settleRequested <= writer.state().settled) {
      await change(until - Date.now())
    }
  }

  async function recover(
    writer: LogWriter,
    error: unknown,
    settleRequested: number,
    failures: number,
  ): Promise<void> {
    if (signal.aborted) return
    if (!(error instanceof BackendError)) throw error
    problem = error.message
    if (error.code === 'not-found') {
      if (!writer.state().ended) await writer.gap('the container was gone before its log was read to the end')
      return writer.end(settleRequested)
    }
    deps.log.warn({ agentId: agent.agentId, err: error }, 'an agent’s log cannot be read')
    await change(retryMs[Math.min(failures, retryMs.length - 1)])
  }

  const over = run().then(
    () => undefined,
    (error) => (signal.aborted ? undefined : error),
  )
  return {
    fence: actor.fence,
    update(next, shouldLook) {
      const changed =
        next.containerId !== agent.containerId ||
        next.settleRequested !== agent.settleRequested ||
        next.state !== agent.state
      agent = next
      look ||= shouldLook
      if (changed || shouldLook) wake()
    },
    status: () => ({ reading, problem }),
    async stop() {
      stopping.abort(new Error('the follower stops'))
      wake()
      await over
    },
    over,
  }
}
