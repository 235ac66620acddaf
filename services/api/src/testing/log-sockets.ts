import { once } from 'node:events'
import type { TestDatabase } from '@nora/testing/postgres'
import { afterEach, beforeAll, expect } from 'vitest'
import { WebSocket } from 'ws'
import type { Client } from './client.ts'
import { type ExecScript, type Script, type StandInWorker, standInWorker } from './stand-in-worker.ts'
import type { TestApi } from './test-api.ts'

export type ConnectOptions = {
  headers?: Record<string, string>
  query?: string
  agent?: string
  protocols?: string[]
  kind?: 'logs' | 'exec'
}

/** Two people, an agent of the first one's, and what a test of log sockets does; all is closed after each test. */
export type LogSockets = {
  ada: Client
  bob: Client
  agentId: string
  /** Starts a stand-in worker and enters it into the registry, as alive however long the test takes. */
  worker: (script: Script, id?: string, exec?: ExecScript) => Promise<StandInWorker>
  ticketOf: (who: Client, agent?: string, kind?: 'logs' | 'exec') => Promise<string>
  connect: (
    ticket: string,
    who: Client | undefined,
    options?: ConnectOptions,
  ) => {
    socket: WebSocket
    /** The text frames, and what came as binary ones. */
    frames: unknown[]
    bytes: () => string
    closed: Promise<number>
    reason: () => string
  }
}

export function logSockets(database: TestDatabase, api: TestApi): LogSockets {
  const self = {} as LogSockets
  const workers: StandInWorker[] = []
  const sockets: WebSocket[] = []

  beforeAll(async () => {
    self.ada = await api.signUp()
    self.bob = await api.signUp()
    self.agentId = (await self.ada.post('/api/agents', { name: 'a', runtime: 'starter' })).body.id
  })
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.terminate()
    for (const worker of workers.splice(0)) await worker.stop()
    await database.asSuperuser('delete from nora.workers')
  })

  self.worker = async (script, id = `w${workers.length}`, exec = undefined) => {
    const started = await standInWorker(script, exec)
    workers.push(started)
    await database.asSuperuser(
      `insert into nora.workers (id, kid8, key_version, internal_url, last_seen_at) values ($1, $2, 1, $3, now() + interval '1 hour')`,
      [id, Buffer.alloc(8), started.url],
    )
    return started
  }

  self.ticketOf = async (who, agent = self.agentId, kind = 'logs') => {
    const answer = await who.post('/api/ws-tickets', { kind, agentId: agent })
    expect(answer.status, answer.text).toBe(201)
    return answer.body.ticket
  }

  self.connect = (ticket, who, options = {}) => {
    const path = `/api/ws/${options.kind ?? 'logs'}/${options.agent ?? self.agentId}${options.query ?? ''}`
    const headers = options.headers ?? (who ? { authorization: `Bearer ${who.accessToken}` } : {})
    const protocols = options.protocols ?? ['nora.v1', `ticket.${ticket}`]
    const socket = new WebSocket(`${api.url.replace('http', 'ws')}${path}`, protocols, { headers })
    sockets.push(socket)
    const frames: unknown[] = []
    let bytes = ''
    let reason = ''
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) bytes += data.toString('latin1')
      else frames.push(JSON.parse(data.toString()))
    })
    socket.on('error', () => undefined)
    const closed = new Promise<number>((resolve) =>
      socket.on('close', (code, why) => {
        reason = why.toString()
        resolve(code)
      }),
    )
    return { socket, frames, bytes: () => bytes, closed, reason: () => reason }
  }
  return self
}

/** The status with which an upgrade was answered. */
export const refusedUpgrade = (socket: WebSocket): Promise<number> =>
  once(socket, 'unexpected-response').then(([, response]) => response.statusCode as number)

/** A worker that says how the agent stands and then waits. */
export const quiet: Script = async (send) => send({ type: 'state', state: 'running', reason: 'healthy' })
