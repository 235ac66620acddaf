import { readdir } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { deriveKey } from '@nora/crypto/keys'
import { gatewayClient } from '../../services/worker/src/gateway/control-client.ts'
import { loopFiles } from './parts.ts'
import type { World } from './world.ts'

/**
 * What lies about that belongs to no agent, in sentences: containers, networks, volumes, bridges, key folders, disks,
 * loop devices, gateway routes, log followers, operations. Empty when database, engine and files agree.
 */
async function findLeftovers(world: World): Promise<string[]> {
  const agents = await world.rows<{ id: string; routed: boolean }>(
    `select id, desired_state = 'running' and runtime = 'starter' as routed from nora.agents where deleted_at is null`,
  )
  const known = new Set(agents.map(({ id }) => id))
  const stray = (what: string, names: string[]) =>
    names.flatMap((name) => {
      const id = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(name)?.[0]
      return id && known.has(id) ? [] : [`${what} ${name}`]
    })
  const perAgent = (what: string, names: string[]) =>
    [...known].flatMap((id) => {
      const count = names.filter((name) => name.includes(id)).length
      return count > 1 ? [`${count} ${what}s of agent ${id}`] : []
    })
  const all = await namesOnEngine(world)
  return [
    ...stray('container', all.containers),
    ...stray('network', all.networks),
    ...stray('volume', all.volumes),
    ...stray('key folder', await list(world.keysDir)),
    ...stray('disk', await list(world.diskDir)),
    ...stray('loop device of', await loopFiles(world.parts.installation.layout.data)),
    ...perAgent('container', all.containers),
    ...perAgent('network', all.networks),
    ...(all.bridges === known.size ? [] : [`${all.bridges} bridges for ${known.size} agents`]),
    ...(await wrongRoutes(world, agents.filter(({ routed }) => routed).length)),
    ...(await wrongRows(world)),
  ]
}

/** What is still left over after a minute more, which a slow machine may need; where nothing is, at once. */
export async function lastingLeftovers(world: World): Promise<string[]> {
  const until = Date.now() + 60_000
  let found = await findLeftovers(world)
  while (found.length > 0 && Date.now() < until) {
    await delay(2_000)
    found = await findLeftovers(world)
  }
  return found
}

async function namesOnEngine({ docker, prefix, parts }: World) {
  const filters = { label: [`com.nora.installation=${parts.installation.id}`] }
  const [containers, networks, { Volumes: volumes }] = await Promise.all([
    docker.listContainers({ all: true, filters }),
    docker.listNetworks({ filters }),
    docker.listVolumes({ filters }),
  ])
  const ownNames = [`${prefix}-gateway-0`, `${prefix}-00-control`]
  const others = (names: string[]) => names.filter((name) => !ownNames.includes(name))
  return {
    containers: others(containers.map(({ Names }) => Names[0]?.slice(1) ?? 'unnamed')),
    networks: others(networks.map(({ Name }) => Name)),
    volumes: (volumes ?? []).map(({ Name }) => Name),
    bridges: (await list('/proc/sys/net/ipv4/conf')).filter((name) => name.startsWith('nr-')).length,
  }
}

/** Each running agent with a port has a route; nobody else has one. */
async function wrongRoutes({ rows, parts }: World, expected: number): Promise<string[]> {
  const [gateway] = await rows<{ control_url: string }>('select control_url from nora.gateways')
  const encryptionKey = Buffer.from(parts.installation.files.worker['ENCRYPTION_KEY']!, 'hex')
  const signingSeed = deriveKey(encryptionKey, 'gateway-control')
  const client = gatewayClient({ controlUrl: gateway?.control_url ?? '', signingSeed })
  const { routes } = await client.status(AbortSignal.timeout(20_000))
  return routes === expected ? [] : [`${routes} gateway routes for ${expected} running agents`]
}

async function wrongRows({ rows }: World): Promise<string[]> {
  const found = await rows<{ what: string }>(`
    select 'operation ' || id || ' (' || kind || ') is ' || status || ': ' || reason as what
      from nora.operations where status in ('pending', 'leased')
    union all select 'network slot ' || network_slot || ' of a deleted agent' from nora.agents
      where deleted_at is not null and network_slot is not null
    union all select 'container id of deleted agent ' || id from nora.agents
      where deleted_at is not null and container_id is not null
    union all select 'a log follower of a deleted agent' from nora.log_followers f join nora.agents a on a.id = f.agent_id
      where a.deleted_at is not null and f.lease_until > now()`)
  return found.map(({ what }) => what)
}

const list = (folder: string): Promise<string[]> =>
  readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
