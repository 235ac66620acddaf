import { waitUntil } from '@nora/testing/wait-until'
import { expect, test } from 'vitest'
import type { BackendEvent, Target } from '../backend.ts'
import type { ContractFixture } from '../backend-contract.ts'
import { deploy, ended, removeAll, soon } from './agent.ts'

/** What a backend tells of by itself. */
export function eventContract(use: () => ContractFixture): void {
  test('events tell of starts and deaths', async () => {
    const { backend, target: newTarget } = use()
    const program = { command: ['/bin/sh', '-c', 'exit 0'] }
    const [target, marker] = [newTarget(program), newTarget(program)]
    const stop = new AbortController()
    const seen: BackendEvent[] = []
    const listening = (async () => {
      for await (const event of backend.events(stop.signal)) seen.push(event)
    })()
    const rejected = expect(listening).rejects.toThrow()
    const actionsOf = ({ agentId }: Target) =>
      seen.filter((event) => event.agentId === agentId).map((one) => one.action)
    try {
      // Nobody can see when the backend begins to tell: another agent lives until something is told of it.
      await deploy(backend, marker)
      await waitUntil(
        'the first event',
        async () => {
          await ended(backend, marker)
          if (actionsOf(marker).length > 0) return true
          await backend.start(marker, soon())
          return false
        },
        { deadlineMs: 90_000 },
      )
      await deploy(backend, target)
      await ended(backend, target)
      await waitUntil('both', () => actionsOf(target).length >= 2, { deadlineMs: 90_000 }).catch(
        () => undefined,
      )
      expect(actionsOf(target)).toEqual(['start', 'die'])
    } finally {
      stop.abort()
      await rejected
      await removeAll(backend, marker)
      await removeAll(backend, target)
    }
  })
}
