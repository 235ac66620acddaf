import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { addressIn, freePool } from '@nora/testing/address-pool'
import type Docker from 'dockerode'
import type { BenchStack } from './stack.ts'

/** What Nora does for an agent, done by hand with dockerode and nothing else. */
export type RawAgents = {
  /** Network, gateway connected, key file, container, start, probed until healthy. */
  bringUp(number: number, signal: AbortSignal): Promise<void>
  remove(number: number): Promise<void>
}

/**
 * Copies the container of an agent that Nora made, so that both start the same image with the same limits. Removes what is
 * still there with the bench's services.
 */
export async function rawAgents(
  it: BenchStack,
  agentId: string,
  defer: (cleanup: () => Promise<unknown>) => void,
): Promise<RawAgents> {
  const { docker } = it
  const model = await modelOf(it, agentId)
  const name = `${it.prefix}-raw`
  const folder = `/dev/shm/${name}`
  const pool = freePool()
  const gateway = `${it.prefix}-gateway-0`
  const left = new Set<number>()

  const remove = async (number: number) => {
    const named = `${name}-${number}`
    await docker.getContainer(named).remove({ force: true, v: true }).catch(ignoreMissing)
    const network = docker.getNetwork(named)
    await network.disconnect({ Container: gateway, Force: true }).catch(ignoreMissing)
    await network.remove().catch(ignoreMissing)
    await rm(`${folder}/${number}`, { recursive: true, force: true })
    left.delete(number)
  }
  defer(async () => {
    for (const number of left) await remove(number)
    await rm(folder, { recursive: true, force: true })
  })

  return {
    remove,
    async bringUp(number, signal) {
      left.add(number)
      const named = `${name}-${number}`
      const at = (offset: number) => addressIn(pool, number * 8 + offset)
      const network = await docker.createNetwork({
        Name: named,
        Driver: 'bridge',
        IPAM: { Driver: 'default', Config: [{ Subnet: `${at(0)}/29`, Gateway: at(1) }] },
      })
      await network.connect({
        Container: gateway,
        EndpointConfig: { IPAMConfig: { IPv4Address: at(2) } },
      } as Docker.NetworkConnectOptions)
      const keys = await writeKeys(`${folder}/${number}`)
      const container = await docker.createContainer({
        ...model.config,
        name: named,
        HostConfig: {
          ...model.host,
          NetworkMode: named,
          Mounts: [{ Type: 'bind', Source: keys, Target: '/run/nora', ReadOnly: true }],
        },
        NetworkingConfig: { EndpointsConfig: { [named]: { IPAMConfig: { IPv4Address: at(3) } } } },
      })
      await container.start()
      await untilHealthy(`http://${at(3)}:8080/healthz`, signal)
    },
  }
}

async function modelOf(it: BenchStack, agentId: string) {
  const [listed] = await it.docker.listContainers({
    filters: { label: [`com.nora.installation=${it.installation}`, `com.nora.agent=${agentId}`] },
  })
  if (!listed) throw new Error('the agent has no container')
  const { Config: config, HostConfig: host } = await it.docker.getContainer(listed.Id).inspect()
  const { Image, User, Env, Entrypoint, Cmd } = config
  return { config: { Image, User, Env, Entrypoint, Cmd } as Docker.ContainerCreateOptions, host }
}

async function writeKeys(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true })
  await chmod(folder, 0o755)
  await writeFile(`${folder}/.new`, '{"version":1,"keys":[]}', { mode: 0o444 })
  await rename(`${folder}/.new`, `${folder}/keys.json`)
  return folder
}

async function untilHealthy(url: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const once = AbortSignal.any([signal, AbortSignal.timeout(2_000)])
    const status = await fetch(url, { signal: once }).then(
      async (answer) => ((await answer.json()) as { status: string }).status,
      () => 'not yet',
    )
    if (status === 'ok') return
    await delay(10, undefined, { signal })
  }
}

function ignoreMissing(error: { statusCode?: number }): void {
  // 500: "is not connected", which the engine says in words alone.
  if (error.statusCode !== 404 && error.statusCode !== 500) throw error
}
