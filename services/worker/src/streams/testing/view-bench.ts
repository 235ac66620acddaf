import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'
import { type Claims, signCapability } from '@nora/crypto/capability'
import { type Bells, logBell, openBells } from '@nora/events/bells'
import { encodeChunk, type LogRecord } from '@nora/events/log-chunk'
import { type Person, person } from '@nora/testing/people'
import type { TestDatabase } from '@nora/testing/postgres'
import type { TestRedis } from '@nora/testing/redis'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { WebSocket } from 'ws'
import { storeAgent } from '../../secrets/testing/arrange.ts'
import { type InternalServer, type InternalServerDeps, startInternalServer } from '../internal-server.ts'
import { quiet } from './log-bench.ts'

export type Frame = {
  type: 'lines' | 'gap' | 'state'
  lines?: { seq: number; ts: string; stream: string; text: string }[]
  from?: number
  to?: number
  state?: string
  reason?: string
}
export type Watcher = { ws: WebSocket; frames: Frame[]; seqs: () => number[]; closed: Promise<number> }

/** A worker's internal server over a real database and Redis, with people who watch. */
export type ViewBench = {
  alice: Person
  server: InternalServer
  /** What the server says of its health. */
  health: () => Record<string, unknown>
  /** Rings as a follower does. */
  ring(agentId: string): void
  agent(): Promise<string>
  stream(agentId: string, person?: Person): Promise<string>
  token(claims: Partial<Claims>): string
  watch(agentId: string, query?: string, claims?: Partial<Claims>): Promise<Watcher>
  /** Stores records as a follower would, and rings. */
  store(agentId: string, records: LogRecord[], generation?: number): Promise<void>
}

const ts = '2026-11-22T07:00:00.123456789Z'
export const numberedLines = (from: number, to: number, text = ''): LogRecord[] =>
  Array.from({ length: to - from + 1 }, (_, i) => {
    return { seq: from + i, ts, stream: 'stdout', text: `${from + i}${text}` }
  })

export function viewBench(
  database: TestDatabase,
  redis: TestRedis,
  door: InternalServerDeps['door'] = {},
): ViewBench {
  const pair = generateKeyPairSync('ed25519')
  const seed = Buffer.from(pair.privateKey.export({ format: 'jwk' }).d!, 'base64url')
  const publicKey = Buffer.from(pair.publicKey.export({ format: 'jwk' }).x!, 'base64url')
  const bench = { health: () => ({ workerId: 'test' }) } as unknown as ViewBench
  const watchers: WebSocket[] = []
  let connection: Redis
  let bells: Bells

  beforeAll(async () => {
    bench.alice = await person(database, 'alice')
    connection = new Redis(redis.url)
    connection.on('error', () => undefined)
    bells = openBells(connection, () => undefined)
    bench.server = await startInternalServer({
      db: database.worker,
      log: quiet,
      bells,
      bellPrefix: redis.prefix,
      exec: { serve: async (ws) => ws.close(1013) },
      capabilityPublicKey: publicKey,
      bind: '127.0.0.1',
      port: 0,
      health: () => bench.health(),
      door,
    })
  })
  afterEach(() => {
    for (const ws of watchers.splice(0)) ws.terminate()
  })
  afterAll(async () => {
    await bench.server.close()
    bells.close()
    connection.disconnect()
  })

  return Object.assign(bench, {
    ring: (agentId: string) => bells.ring(logBell(redis.prefix, agentId)),
    agent: () => storeAgent(database, bench.alice, { state: 'running', state_reason: 'healthy' }),
    async stream(agentId: string, viewer: Person = bench.alice) {
      const id = randomUUID()
      await database.asSuperuser(
        `insert into nora.streams (id, workspace_id, agent_id, user_id, session_id, kind, ticket_hash, ticket_expires_at, redeemed_at)
         values ($1, $2, $3, $4, $5, 'logs', $6, now(), now())`,
        [id, bench.alice.workspaceId, agentId, viewer.userId, viewer.sessionId, randomBytes(32)],
      )
      return id
    },
    token(claims: Partial<Claims>) {
      const iat = Math.floor(Date.now() / 1000)
      const workspace = bench.alice.workspaceId
      const known = {
        aud: 'worker' as const,
        op: 'logs',
        workspace,
        sub: bench.alice.userId,
        iat,
        exp: iat + 30,
      }
      return signCapability(seed, { ...known, ...claims })
    },
    async watch(agentId: string, query = '', claims: Partial<Claims> = {}) {
      const stream = claims.stream ?? (await bench.stream(agentId))
      const headers = { 'x-nora-capability': bench.token({ agent: agentId, ...claims, stream }) }
      const ws = new WebSocket(`${bench.server.url.replace('http', 'ws')}/internal/logs${query}`, { headers })
      watchers.push(ws)
      ws.on('error', () => undefined)
      const frames: Frame[] = []
      ws.on('message', (data) => frames.push(JSON.parse(String(data))))
      const closed = new Promise<number>((resolve) => ws.on('close', resolve))
      await new Promise((resolve) => ws.once('open', resolve).once('close', resolve))
      const seqs = () => frames.flatMap((frame) => frame.lines?.map((line) => line.seq) ?? [])
      return { ws, frames, seqs, closed }
    },
    async store(agentId: string, records: LogRecord[], generation = 1) {
      const last = records.at(-1)!.seq
      await database.asSuperuser(
        `with chunk as (insert into nora.log_chunks (workspace_id, agent_id, first_seq, last_seq, generation, first_ts, last_ts, lines, data)
           values ($1, $2, $3, $4, $5, now(), now(), $6, $7))
         insert into nora.log_followers (workspace_id, agent_id, next_seq) values ($1, $2, $4::bigint + 1)
         on conflict (workspace_id, agent_id) do update set next_seq = excluded.next_seq`,
        [
          bench.alice.workspaceId,
          agentId,
          records[0]!.seq,
          last,
          generation,
          records.length,
          await encodeChunk(records),
        ],
      )
      bench.ring(agentId)
    },
  })
}
