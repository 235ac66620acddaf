import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { createLogger } from '@nora/log/logger'
import { dockerBackend } from '../services/worker/src/backends/docker/backend.ts'
import { assembleTinyImage } from '../services/worker/src/images/tiny.ts'
import { reconcileFleet } from '../services/worker/src/reconcile/drift.ts'
import { type Bench, type BenchContext, median, type Row } from './bench.ts'
import { load } from './http-load.ts'
import { insertStoppedAgents } from './known-agents.ts'
import { cpuMs, onlyChild, residentMb } from './proc.ts'
import { type BenchStack, benchStack } from './stack.ts'

const agentsAGateway = 50

export const many: Bench = {
  name: 'many',
  about:
    '1,000 agents known and 60 of them running on one machine: bringing them up, and what they cost then',
  deadlineMs: 15 * 60_000,
  async run(context) {
    const { services, signal, quick } = context
    const [known, running] = quick ? [200, 12] : [1_000, 60]
    const size = `${known} known, ${running} running`
    const it = await benchStack(services, { settings: { MAX_AGENTS: '2000' } })
    await insertStopped(it, known - running)
    const seconds = await bringUp(it, context, running)
    await delay(15_000, undefined, { signal })

    const one = (name: string, unit: string, ours: number, runs = 1): Row => ({
      name,
      unit,
      ours,
      runs,
      size,
    })
    const rows = [
      one('brought up', 's', seconds),
      one('brought up, an agent', 's', seconds / running),
      ...(await memoryOf(it, running)).map(([name, mb]) => one(`${name}, resident`, 'MB', mb)),
    ]
    const spent = await idleCpu(it, signal, quick ? 5_000 : 30_000)
    rows.push(one('worker, doing nothing', 'ms CPU a second', spent.worker))
    rows.push(one('api, doing nothing', 'ms CPU a second', spent.api))
    const turns = quick ? 3 : 9
    const listed: number[] = []
    const headers = { authorization: `Bearer ${it.client.token}` }
    for (let turn = 0; turn < turns; turn++) {
      const url = new URL(`${it.url}/api/agents`)
      listed.push((await load(url, headers, { connections: 16, ms: 1_500, signal })).perSecond)
    }
    rows.push(one('GET agents, 50 rows', 'req/s', median(listed), turns))
    const passes = await passCpu(it, context, quick ? 5 : 20)
    const goal = { of: 'ours', atMost: 50 } as const
    rows.push({ ...one('a reconcile pass, nothing changed', 'ms CPU', median(passes), passes.length), goal })
    const boots: number[] = []
    for (let turn = 0; turn < (quick ? 1 : 5); turn++) boots.push(await bootToFirstPass(it, signal))
    rows.push(one('worker killed and started, to its first pass', 's', median(boots), boots.length))
    return rows
  },
}

/** Agents as a stop leaves them: with a container's id, and their log read to its end. */
async function insertStopped(it: BenchStack, count: number): Promise<void> {
  const [owner] = await it.database.asSuperuser<{ userId: string; workspaceId: string }>(
    'select personal_of as "userId", id as "workspaceId" from nora.workspaces where personal_of is not null',
  )
  await insertStoppedAgents(it.database, owner!, count, it.keyId)
  await it.database.asSuperuser(
    `with a as (update nora.agents set container_id = encode(sha256(id::text::bytea), 'hex') returning workspace_id, id, container_id)
     insert into nora.log_followers (workspace_id, agent_id, container_id, ended) select workspace_id, id, container_id, true from a`,
  )
}

/** Seconds from the first POST until all of them run. */
async function bringUp(it: BenchStack, { say, signal }: BenchContext, count: number): Promise<number> {
  const { reference } = await assembleTinyImage(it.docker, {
    name: `many-${randomBytes(3).toString('hex')}`,
    cmd: ['/bin/sh', '-c', 'echo up; exec sleep 86400'],
  })
  const agent = {
    runtime: 'image',
    image: reference,
    // Nothing listens there, and nothing asks; but an agent with a port hangs on a gateway.
    port: 8080,
    resources: { cpus: 0.05, memoryMb: 16, diskMb: 1, pids: 8 },
  }
  const begun = performance.now()
  const ids: string[] = []
  for (let n = 0; n < count; n++) {
    ids.push(await it.client.deploy({ name: `small ${n}`, ...agent }))
  }
  for (const id of ids) {
    signal.throwIfAborted()
    await it.client.until(id, 'running', 300_000)
  }
  const seconds = (performance.now() - begun) / 1_000
  say(`${count} agents run after ${seconds.toFixed(1)} s`)
  return seconds
}

async function memoryOf(it: BenchStack, running: number): Promise<[string, number][]> {
  const found: [string, number][] = [
    ['api', await residentMb(it.api.pid!)],
    ['worker', await residentMb(it.worker.pid!)],
  ]
  const gateways = await it.database.asSuperuser<{ index: number }>(
    'select index from nora.gateways order by index',
  )
  if (gateways.length < Math.ceil(running / agentsAGateway)) throw new Error('there are too few gateways')
  for (const { index } of gateways) {
    const { State } = await it.docker.getContainer(`${it.prefix}-gateway-${index}`).inspect()
    found.push([`gateway ${index}`, await residentMb(await onlyChild(State.Pid))])
  }
  return found
}

async function idleCpu(it: BenchStack, signal: AbortSignal, ms: number) {
  const look = async () => ({ api: await cpuMs(it.api.pid!), worker: await cpuMs(it.worker.pid!) })
  const before = await look()
  await delay(ms, undefined, { signal })
  const after = await look()
  const each = (name: 'api' | 'worker') => ((after[name] - before[name]) * 1_000) / ms
  return { api: each('api'), worker: each('worker') }
}

/** A pass in this process, over the same database and engine. */
async function passCpu(it: BenchStack, { services, signal }: BenchContext, runs: number): Promise<number[]> {
  const log = createLogger({ service: 'bench', level: 'silent' })
  const folder = await services.folder()
  const backend = dockerBackend({
    docker: it.docker,
    installation: it.installation,
    pool: '10.214.0.0/16',
    keysDir: folder,
    dataDir: folder,
    log,
  })
  const onRequest = (id: string) => {
    throw new Error(`nothing has changed, and operation ${id} was asked for`)
  }
  const taken: number[] = []
  for (let n = 0; n < runs + 3; n++) {
    const before = process.cpuUsage()
    await reconcileFleet({ db: it.database.worker, backend, log, onRequest }, signal)
    const { user, system } = process.cpuUsage(before)
    if (n >= 3) taken.push((user + system) / 1_000)
  }
  return taken
}

/** Seconds from the start of the process until its own health says that a pass was made. */
async function bootToFirstPass(it: BenchStack, signal: AbortSignal): Promise<number> {
  await it.killWorker()
  await it.database.asSuperuser('delete from nora.workers')
  const begun = performance.now()
  await it.startWorker()
  for (;;) {
    signal.throwIfAborted()
    if (await hasPassed(it)) return (performance.now() - begun) / 1_000
    await delay(10)
  }
}

async function hasPassed(it: BenchStack): Promise<boolean> {
  const [worker] = await it.database.asSuperuser<{ internal_url: string }>(
    'select internal_url from nora.workers',
  )
  if (!worker) return false
  const response = await fetch(`${worker.internal_url}/internal/healthz`, {
    signal: AbortSignal.timeout(5_000),
  })
  const { loops } = (await response.json()) as { loops: { name: string; lastOkAt: string | null }[] }
  return loops.some(({ name, lastOkAt }) => name === 'drift' && lastOkAt !== null)
}
