import type { QueueRow } from '@nora/db/admin-queue'
import { expect, test } from 'vitest'
import { whyItWaits } from './why-it-waits.ts'

const now = Date.parse('2026-11-25T10:00:00Z')
const at = (ms: number) => new Date(now + ms)

const row = (over: Partial<QueueRow>): QueueRow => ({
  seq: 1,
  id: 'o2',
  workspaceId: 'w',
  agentId: 'a',
  credentialId: null,
  kind: 'start',
  status: 'pending',
  step: null,
  stepAt: null,
  reason: 'waiting for a worker',
  attempt: 0,
  workerId: null,
  leaseUntil: null,
  notBefore: at(-1_000),
  deadlineAt: at(900_000),
  cancelRequestedAt: null,
  createdAt: at(-1_000),
  finishedAt: null,
  behindId: null,
  behindKind: null,
  ...over,
})
const leased = (over: Partial<QueueRow>) =>
  row({
    status: 'leased',
    workerId: 'w1',
    attempt: 1,
    leaseUntil: at(5_000),
    step: 'start',
    stepAt: at(-7_000),
    ...over,
  })
const away = 'The Docker Engine does not answer (its socket does not exist). Is it running?; trying again'

test.each<[string, QueueRow, number, string]>([
  ['nobody is there', row({}), 0, 'due, and no worker is alive'],
  ['due', row({}), 1, 'due: waiting for a worker with room'],
  [
    'behind',
    row({ behindId: 'o1', behindKind: 'provision' }),
    1,
    'behind the provision o1 of the same agent',
  ],
  [
    'the engine is away',
    row({ notBefore: at(4_000), reason: away }),
    1,
    `backing off until 2026-11-25T10:00:04.000Z: ${away}`,
  ],
  [
    'cancelled while it backed off',
    row({ notBefore: at(4_000), cancelRequestedAt: at(-1) }),
    1,
    'cancelled: a worker undoes it next',
  ],
  ['cancelled, and nobody is there', row({ cancelRequestedAt: at(-1) }), 0, 'due, and no worker is alive'],
  ['taken', leased({ step: null, stepAt: null }), 1, 'worker w1 has taken it up'],
  [
    'worked on',
    leased({ reason: 'starting' }),
    1,
    'worker w1 is at step start for 7 s (starting); lease until 2026-11-25T10:00:05.000Z',
  ],
  [
    'in the turnstile',
    leased({ reason: 'waiting for its turn, then starting' }),
    1,
    'waiting for its turn, then starting; worker w1 has as many at once as it may',
  ],
  [
    'being undone',
    leased({ cancelRequestedAt: at(-1), reason: 'stopping' }),
    1,
    'cancelled: worker w1 is undoing it (stopping)',
  ],
  [
    'its worker is silent',
    leased({ leaseUntil: at(1_200) }),
    1,
    'worker w1 does not renew its lease, which ends in 2 s',
  ],
  [
    'its worker is dead',
    leased({ leaseUntil: at(-100) }),
    1,
    'worker w1 is dead; its lease has ended, and another takes it over',
  ],
  [
    'all workers are dead',
    leased({ leaseUntil: at(-100) }),
    0,
    'worker w1 is dead; its lease has ended, and no worker is alive',
  ],
  ['failed', row({ status: 'failed', reason: 'not done in time' }), 1, 'not done in time'],
])('%s', (_, operation, workers, words) => {
  expect(whyItWaits(operation, workers, now)).toBe(words)
})
