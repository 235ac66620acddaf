import { randomUUID } from 'node:crypto'
import type { Target } from '@nora/worker/backends/backend'
import { containerSpec } from '@nora/worker/backends/docker/container-spec'
import type { LocalImage } from '@nora/worker/backends/docker/images'
import { gatewaySpec } from '@nora/worker/gateway/gateway-spec'
import type { AssembledImage } from '@nora/worker/images/build'
import { agentNetwork } from '@nora/worker/reconcile/addresses'
import { oursOf } from '../policy/ours.ts'

/** An installation's facts, and an agent of it as the worker would have it. */
export function sample(
  over: { installation?: string; pool?: string; keysDir?: string; image?: AssembledImage } = {},
) {
  const installation = over.installation ?? randomUUID()
  const pool = over.pool ?? '10.214.0.0/16'
  const keysDir = over.keysDir ?? '/run/nora/keys'
  const target: Target = {
    ...{ installation, workspaceId: randomUUID(), agentId: randomUUID(), generation: 1 },
    ...{
      desired: 'running',
      keepData: false,
      image: { reference: over.image?.reference ?? 'nora/x:1', pull: false },
    },
    ...{ command: ['/bin/sh', '-c', 'exit 0'], env: { A: 'b' }, user: '10001:10001', hostname: 'agent-1' },
    resources: { cpus: 0.5, memoryMb: 64, diskMb: 32, pids: 64 },
    ...{ sandboxProfile: 'standard', statePath: '/state', specHash: randomUUID() },
    network: agentNetwork(pool, 3),
  }
  // Every image that is made here says what it was made of.
  const image = over.image && { id: over.image.id, volumes: [], labels: { 'com.nora.content': 'x' } }
  return {
    ours: oursOf({ installation, pool, keysDir }),
    ...{ target, keysDir, installation, pool, image: image ?? anImage },
  }
}

const anImage: LocalImage = { id: `sha256:${'a'.repeat(64)}`, volumes: [], labels: {} }

/** What the worker sends to make the agent's container: the name, and the body as JSON gives it back. */
export function agentCreation(
  target: Target,
  keysDir: string,
  of: Partial<LocalImage> = {},
  hasIpv6?: boolean,
) {
  const image = { ...anImage, ...of }
  const { name, ...body } = containerSpec(target, image, `${keysDir}/${target.agentId}`, hasIpv6)
  return { name: String(name), body: asSent(body) }
}

export function gatewayCreation(
  { installation, pool }: { installation: string; pool: string },
  over: Partial<Parameters<typeof gatewaySpec>[0]> = {},
  hasIpv6?: boolean,
) {
  const key = 'A'.repeat(43)
  const settings = { capabilityPublicKey: key, controlPublicKey: key, dial: 'published' as const, index: 0 }
  const image = { reference: 'x', id: anImage.id }
  const { name, ...body } = gatewaySpec(
    { installation, pool, image, ...settings, ...over },
    hasIpv6,
  ).container
  return { name: String(name), body: asSent(body) }
}

// biome-ignore lint/suspicious/noExplicitAny: tests bend these bodies in every way
export type Body = any
const asSent = (body: unknown): Body => JSON.parse(JSON.stringify(body))
