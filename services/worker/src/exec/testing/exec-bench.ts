import { randomBytes, randomUUID } from 'node:crypto'
import { type Claims, capabilityPublicKey, signCapability } from '@nora/crypto/capability'
import { openBells } from '@nora/events/bells'
import { createLogger, type Logger } from '@nora/log/logger'
import { relyingPartyOf } from '@nora/passkeys/relying-party'
import { type Person, person } from '@nora/testing/people'
import type { TestDatabase } from '@nora/testing/postgres'
import type { TestRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import Docker from 'dockerode'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { WebSocket } from 'ws'
import { dockerBackend } from '../../backends/docker/backend.ts'
import { ownerLabels } from '../../backends/docker/names.ts'
import { assembleTinyImage } from '../../images/tiny.ts'
import { storeAgent } from '../../secrets/testing/arrange.ts'
import { startInternalServer } from '../../streams/internal-server.ts'
import type { ExecLimits } from '../session.ts'
import { type ExecSessions, execSessions } from '../sessions.ts'

export type Agent = { agentId: string; containerId: string }
/** A worker's part that serves terminals, behind its internal port. */
export type Serving = { url: string; workerId: string; exec: ExecSessions; stop(): Promise<void> }
/** One client of a terminal. */
export type Shell = {
  ws: WebSocket
  said(): string
  frames: { type: string; id?: string; code?: number }[]
  closed: Promise<{ code: number; reason: string }>
  type(text: string): void
  until(text: string): Promise<void>
  /** The session's id, once it is told. */
  session(): Promise<string>
}
export type ConnectOptions = {
  session?: string
  who?: Person
  stream?: string
  claims?: Partial<Claims>
  serving?: Serving
}

export type ExecBench = {
  alice: Person
  docker: Docker
  /** What was logged. */
  logged: string[]
  agent(): Promise<Agent>
  serve(limits?: Partial<ExecLimits>, workerId?: string): Promise<Serving>
  stream(agentId: string, who?: Person): Promise<string>
  connect(agent: Agent, options?: ConnectOptions): Promise<Shell>
  /** The commands that run in the container besides its own. */
  programs(agent: Agent): Promise<string[]>
  audit(agentId: string): Promise<{ type: string; actor: string; details: Record<string, unknown> }[]>
}

export function execBench(database: TestDatabase, redis: TestRedis): ExecBench {
  const seed = randomBytes(32)
  const installation = randomUUID()
  const bench = {
    docker: new Docker({ socketPath: '/var/run/docker.sock' }),
    logged: [],
  } as unknown as ExecBench
  const made: string[] = []
  const open: WebSocket[] = []
  const running: Serving[] = []
  const log: Logger = createLogger({
    service: 'test',
    level: 'trace',
    destination: { write: (line: string) => void bench.logged.push(line) },
  })
  const ended: (() => void)[] = []
  let usual: Serving
  let image: string

  beforeAll(async () => {
    bench.alice = await person(database, 'alice')
    image = (
      await assembleTinyImage(bench.docker, { name: 'exec', cmd: ['/bin/sh', '-c', 'exec sleep 3600'] })
    ).reference
    usual = await bench.serve()
  }, 120_000)
  afterEach(() => {
    for (const ws of open.splice(0)) ws.terminate()
  })
  afterAll(async () => {
    for (const one of running) await one.stop()
    for (const end of ended) end()
    for (const id of made) await bench.docker.getContainer(id).remove({ force: true })
  }, 120_000)

  bench.serve = async (limits = {}, workerId = `worker-${running.length}`) => {
    const connection = new Redis(redis.url)
    connection.on('error', () => undefined)
    const bells = openBells(connection, () => undefined)
    ended.push(() => {
      bells.close()
      connection.disconnect()
    })
    const folders = { keysDir: '/dev/shm/unused', dataDir: '/tmp/unused' }
    const backend = dockerBackend({
      docker: bench.docker,
      installation,
      pool: '10.0.0.0/24',
      log,
      ...folders,
    })
    const parts = { db: database.worker, log, workerId, backend }
    const exec = execSessions({ ...parts, relyingParty: relyingPartyOf('http://localhost:8080'), limits })
    const server = await startInternalServer({
      ...parts,
      ...{ exec, bells, bellPrefix: redis.prefix, bind: '127.0.0.1', port: 0, health: () => ({}) },
      capabilityPublicKey: capabilityPublicKey(seed),
    })
    await database.asSuperuser(
      `insert into nora.workers (id, kid8, key_version, internal_url) values ($1, $2, 1, $3)`,
      [workerId, Buffer.alloc(8), server.url],
    )
    const stop = async () => {
      await exec.stop()
      await server.close()
    }
    const serving = { url: server.url, workerId, exec, stop }
    running.push(serving)
    return serving
  }

  bench.agent = async () => {
    const row = { state: 'running', state_reason: 'healthy' }
    const agentId = await storeAgent(database, bench.alice, row)
    const container = await bench.docker.createContainer({
      Image: image,
      User: '10001:10001',
      Labels: ownerLabels({ installation, workspaceId: bench.alice.workspaceId, agentId }, 'agent'),
      HostConfig: {
        ...{ Init: true, ReadonlyRootfs: true, CapDrop: ['ALL'], NetworkMode: 'none', PidsLimit: 48 },
        SecurityOpt: ['no-new-privileges:true'],
      },
    })
    made.push(container.id)
    await container.start()
    await database.asSuperuser('update nora.agents set container_id = $2 where id = $1', [
      agentId,
      container.id,
    ])
    return { agentId, containerId: container.id }
  }

  bench.stream = async (agentId, who = bench.alice) => {
    const id = randomUUID()
    await database.asSuperuser(
      `insert into nora.streams (id, workspace_id, agent_id, user_id, session_id, kind, ticket_hash, ticket_expires_at, redeemed_at)
       values ($1, $2, $3, $4, $5, 'exec', $6, now(), now())`,
      [id, bench.alice.workspaceId, agentId, who.userId, who.sessionId, randomBytes(32)],
    )
    return id
  }

  bench.connect = async ({ agentId }, options = {}) => {
    const { who = bench.alice, serving = usual, session } = options
    const stream = options.stream ?? (await bench.stream(agentId, who))
    const iat = Math.floor(Date.now() / 1000)
    const capability = signCapability(seed, {
      ...{ aud: 'worker', op: 'exec', agent: agentId, workspace: bench.alice.workspaceId },
      ...{ sub: who.userId, stream, iat, exp: iat + 30 },
      ...options.claims,
    })
    const url = new URL('/internal/exec?cols=100&rows=40', serving.url.replace('http', 'ws'))
    if (session !== undefined) url.searchParams.set('session', session)
    const ws = new WebSocket(url, { headers: { 'x-nora-capability': capability } })
    open.push(ws)
    const shell = shellOf(ws)
    await new Promise((resolve) => ws.once('open', resolve).once('close', resolve))
    return shell
  }

  bench.programs = async ({ containerId }) => {
    const { Processes } = await bench.docker.getContainer(containerId).top({ ps_args: '-eo pid,args' })
    return (Processes as string[][])
      .map((row) => row[1]!)
      .filter((command) => !/docker-init|^sleep 3600|exec sleep 3600/.test(command))
  }

  bench.audit = (agentId) =>
    database.asSuperuser(
      `select event_type as type, actor_id as actor, details from nora.audit_log where target_id = $1 order by seq`,
      [agentId],
    )
  return bench
}

/** More than a whole screen that is shown again. */
const mostKept = 200_000

function shellOf(ws: WebSocket): Shell {
  let text = ''
  const frames: Shell['frames'] = []
  ws.on('error', () => undefined)
  ws.on('message', (data: Buffer, isBinary) => {
    if (isBinary) text = (text + data.toString('utf8')).slice(-mostKept)
    else frames.push(JSON.parse(data.toString('utf8')))
  })
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    ws.on('close', (code, reason) => resolve({ code, reason: reason.toString() })),
  )
  const until = async (wanted: string) => {
    await waitUntil(`“${wanted}”`, () => text.includes(wanted), { deadlineMs: 90_000 }).catch((error) => {
      throw new Error(`${error.message}: ${JSON.stringify(text.slice(-500))} ${JSON.stringify(frames)}`)
    })
  }
  const session = async () => {
    await waitUntil('the session', () => frames.length > 0)
    return String(frames[0]!.id)
  }
  const type = (typed: string) => ws.send(Buffer.from(typed), { binary: true })
  return { ws, said: () => text, frames, closed, type, until, session }
}
