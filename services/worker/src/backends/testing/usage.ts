import { waitUntil } from '@nora/testing/wait-until'
import { describe, expect, test } from 'vitest'
import type { ContractFixture } from '../backend-contract.ts'
import { deploy, removeAll, soon } from './agent.ts'

const waiting = { command: ['/bin/sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done'] }

/** What an agent uses, as its backend reads it. */
export function usageContract(use: () => ContractFixture): void {
  describe('what an agent uses', () => {
    test('is within its limits while it runs, and nothing once it is stopped or gone', async () => {
      const { backend, target: newTarget } = use()
      const target = newTarget(waiting)
      try {
        const { containerId } = await deploy(backend, target)
        const before = Date.now()
        // Asked again when the engine is slower than it may be.
        const usage = await waitUntil('a reading', () => backend.usage(containerId, soon()))
        expect(usage).toMatchObject({ memoryLimitBytes: target.resources.memoryMb * 1024 * 1024 })
        expect(usage.cpuNs).toBeGreaterThan(0)
        expect(usage.pids).toBeGreaterThan(0)
        expect(usage.memoryBytes).toBeGreaterThan(0)
        expect(usage.memoryBytes).toBeLessThan(usage.memoryLimitBytes)
        // The engine reads each second; its clock is this machine's.
        expect(usage.takenAt).toBeGreaterThan(before - 10_000)
        expect(usage.takenAt).toBeLessThan(Date.now() + 10_000)
        await backend.stop(target, soon())
        expect(await backend.usage(containerId, soon())).toBeUndefined()
        await backend.removeContainer(target, soon())
        expect(await backend.usage(containerId, soon())).toBeUndefined()
      } finally {
        await removeAll(backend, target)
      }
    })
  })
}
