import { randomBytes, randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { createLogger } from '@nora/log/logger'
import type { TestDatabase } from '@nora/testing/clone-database'
import { person } from '@nora/testing/people'
import Docker from 'dockerode'
import { dockerBackend } from '../services/worker/src/backends/docker/backend.ts'
import { label, namesIn } from '../services/worker/src/backends/docker/names.ts'
import { reconcileFleet } from '../services/worker/src/reconcile/drift.ts'
import { orphanRemover } from '../services/worker/src/reconcile/orphans.ts'
import { type Bench, type BenchContext, median, type Row } from './bench.ts'
import { insertStoppedAgents } from './known-agents.ts'
import { measuredProcess } from './measured-process.ts'

const sizes = [100, 1_000, 5_000]

export const reconcile: Bench = {
  name: 'reconcile',
  about: 'one pass over stopped agents where nothing has changed: one engine listing, and its CPU',
  deadlineMs: 180_000,
  async run(context) {
    const { services, say } = context
    const database = await services.database()
    const owner = await person(database, 'owner')
    const rows: Row[] = []
    let known = 0
    for (const size of sizes) {
      await insertStoppedAgents(database, owner, size - known)
      known = size
      const found = await passes(context, database)
      say(`${size} agents: ${found.cpuMs.toFixed(1)} ms CPU a pass`)
      rows.push({
        name: 'a pass, nothing changed',
        unit: 'ms CPU',
        ours: found.cpuMs,
        size: `${size} agents`,
        // The goal is for a thousand; beside it stands how it grows.
        ...(size === 1_000 && { goal: { of: 'ours', atMost: 50 } as const }),
        runs: found.runs,
        note: `${found.calls} call of the engine a pass`,
      })
    }
    const [first, , last] = rows
    const slope = (last!.ours - first!.ours) / (sizes[2]! - sizes[0]!)
    rows.push({
      name: 'slope: each 1000 agents more',
      unit: 'ms CPU',
      ours: slope * 1_000,
      runs: first!.runs,
    })
    return rows
  },
}

async function passes({ services, signal, quick }: BenchContext, database: TestDatabase) {
  const installation = randomUUID()
  const socketPath = await engineWith(services, await listingOf(database, installation))
  const log = createLogger({ service: 'bench', level: 'silent' })
  const docker = new Docker({ socketPath })
  const folder = await services.folder()
  const backend = dockerBackend({
    docker,
    installation,
    pool: '10.214.0.0/16',
    keysDir: folder,
    dataDir: folder,
    log,
  })
  const deps = { db: database.worker, backend, log }
  const onRequest = (id: string) => {
    throw new Error(`nothing has changed, and operation ${id} was asked for`)
  }
  const removeOrphans = orphanRemover(deps, 20_000)
  const pass = async () => {
    const before = process.cpuUsage()
    const { agents, listed } = await reconcileFleet({ ...deps, onRequest }, signal)
    await removeOrphans(agents, listed, signal)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  }
  for (let n = 0; n < 5; n++) await pass()
  const runs = quick ? 10 : 40
  const before = await callsOf(socketPath)
  const taken: number[] = []
  for (let n = 0; n < runs; n++) taken.push(await pass())
  const calls = ((await callsOf(socketPath)) - before) / runs
  if (calls !== 1) throw new Error(`a pass made ${calls} calls of the engine`)
  return { cpuMs: median(taken), runs, calls }
}

/** What an engine says of stopped agents' containers, one for each known agent. */
async function listingOf(database: TestDatabase, installation: string): Promise<object[]> {
  const agents = await database.asSuperuser<{ id: string; workspace_id: string }>(
    'select id, workspace_id from nora.agents',
  )
  const names = namesIn(installation)
  const hex = () => randomBytes(32).toString('hex')
  return agents.map(({ id, workspace_id: workspace }) => ({
    Id: hex(),
    Names: [`/${names.container(id)}`],
    Image: `sha256:${hex()}`,
    ImageID: `sha256:${hex()}`,
    Command: '/sbin/docker-init -- node /app/main.ts',
    Created: 1_760_000_000,
    Ports: [],
    Labels: {
      [label.installation]: installation,
      [label.workspace]: workspace,
      [label.agent]: id,
      [label.generation]: '1',
      [label.spec]: hex(),
      [label.role]: 'agent',
    },
    State: 'exited',
    Status: 'Exited (0) 2 hours ago',
    HostConfig: { NetworkMode: names.network(id) },
    NetworkSettings: {
      Networks: {
        [names.network(id)]: {
          IPAMConfig: { IPv4Address: '10.214.0.19' },
          Links: null,
          Aliases: null,
          NetworkID: hex(),
          EndpointID: '',
          Gateway: '',
          IPAddress: '',
          IPPrefixLen: 0,
          IPv6Gateway: '',
          GlobalIPv6Address: '',
          GlobalIPv6PrefixLen: 0,
          MacAddress: '',
          DriverOpts: null,
        },
      },
    },
    Mounts: [
      {
        Type: 'bind',
        Source: `/run/keys/${id}`,
        Destination: '/run/nora',
        Mode: 'ro',
        RW: false,
        Propagation: 'rprivate',
      },
    ],
  }))
}

async function engineWith(services: BenchContext['services'], listing: object[]): Promise<string> {
  const folder = await services.folder()
  const [socket, file] = [join(folder, 'engine.sock'), join(folder, 'listing.json')]
  await writeFile(file, JSON.stringify(listing))
  await measuredProcess(services, 'bench/listing-server.ts', { SOCKET: socket, LISTING: file })
  for (let tries = 0; ; tries++) {
    try {
      await callsOf(socket)
      return socket
    } catch (error) {
      if (tries > 100) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

function callsOf(socketPath: string): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path: '/calls', timeout: 5_000 }, (answer) => {
      text(answer).then((body) => resolve(Number(body)), reject)
    })
      .once('error', reject)
      .end()
  })
}
