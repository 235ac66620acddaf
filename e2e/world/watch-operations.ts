import { setTimeout as delay } from 'node:timers/promises'
import { waitUntil } from '@nora/testing/wait-until'
import pg from 'pg'

/** What a transaction on an operation has just committed. */
export type Told = {
  agentId: string | null
  operationId: string
  kind: string
  status: string
  step: string | null
}

export type OperationWatch = {
  /** Calls `listener` at each commit that changed an operation's step or status; gives how to stop that. */
  on(listener: (told: Told) => void): () => void
  /** Waits until it listens, which after Postgres was away takes a moment. */
  ready(): Promise<unknown>
  close(): Promise<void>
}

// In this test's own database: production code has no hook for it.
const trigger = `
create or replace function public.tell_operation() returns trigger language plpgsql security definer
  set search_path = pg_catalog, pg_temp as $$
begin
  perform pg_notify('operations', json_build_object('agentId', new.agent_id, 'operationId', new.id, 'kind', new.kind,
    'status', new.status, 'step', new.step)::text);
  return new;
end $$;
create or replace trigger tell_operation after insert or update of step, status on nora.operations
  for each row execute function public.tell_operation()`

/** Hears of each step of each operation within a millisecond of its commit. Listens again after Postgres was away. */
export async function watchOperations(superuserUrl: string): Promise<OperationWatch> {
  const listeners = new Set<(told: Told) => void>()
  let [closed, listening] = [false, false]
  let client = await listen()

  async function listen(): Promise<pg.Client> {
    const fresh = new pg.Client({ connectionString: superuserUrl })
    fresh.on('error', () => undefined) // its end follows
    fresh.on('notification', ({ payload }) => {
      const told = JSON.parse(payload ?? '{}') as Told
      for (const listener of listeners) listener(told)
    })
    await fresh.connect()
    await fresh.query(trigger)
    await fresh.query('listen operations')
    listening = true
    fresh.on('end', () => void again())
    return fresh
  }

  async function again(): Promise<void> {
    listening = false
    while (!closed) {
      await delay(50)
      const fresh = await listen().catch(() => undefined)
      if (!fresh) continue
      client = fresh
      return
    }
  }

  return {
    on(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    ready: () => waitUntil('somebody to listen to operations', () => listening, { deadlineMs: 60_000 }),
    async close() {
      closed = true
      await client.end()
    },
  }
}
