import type { Backend, Target } from './backend.ts'
import { eventContract } from './testing/events.ts'
import { lifecycleContract } from './testing/lifecycle.ts'
import { logContract } from './testing/logs.ts'
import { postureContract } from './testing/posture.ts'
import { stateContract } from './testing/state.ts'
import { usageContract } from './testing/usage.ts'
import { withFixture } from './testing/with-fixture.ts'

/** What a backend brings to be tested: itself, and targets for agents that it may make and that nothing else uses. */
export type ContractFixture = {
  backend: Backend
  /**
   * A new agent of the fixture's installation. Its image has /bin/sh and cat, dd, df, head, id, ls, seq, sleep, stat,
   * tr and wc; small limits; a state volume at /state.
   */
  target(overrides?: Partial<Target>): Target
  /** Removes all that the installation made. */
  close(): Promise<void>
}

/** The one suite that every backend passes, through its verbs alone and what agents print. */
export function backendContract(name: string, open: () => Promise<ContractFixture>): void {
  withFixture(`${name}: the contract of backends`, open, [
    lifecycleContract,
    eventContract,
    postureContract,
    stateContract,
    logContract,
    usageContract,
  ])
}
