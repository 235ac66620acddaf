import { kernelHasIpv6 } from '@nora/config/kernel'
import { agentBody, handOverBody } from './agent-body.ts'
import { gatewayBody } from './gateway-body.ts'
import { controlNetwork, label, namesOf, type Ours, uuid } from './ours.ts'
import { isObject } from './rules.ts'

/** What a container that may be made needs to be true of the engine's other objects, for the caller to look at. */
export type AllowedContainer = {
  network: string | undefined
  /** `made`: it has to be there and ours; `any`: ours, or not there yet. */
  volume: { name: string; must: 'be-there' | 'be-ours-or-absent' } | undefined
  mountsKeys: boolean
  /** The image that it runs, where it has to be the one that set-up made. */
  gatewayImage: string | undefined
  /** Of an agent's image and its helper's: none of its labels may be left out of the container's. */
  silences: { image: string; labels: Record<string, unknown> } | undefined
}

/**
 * Judges the body of a container's creation under a name, field by field: `refused` says which field is wrong, else what
 * it uses. Its labels say what it is to be (an agent, a gateway, or the helper that hands files over), and each kind has
 * one posture. Nothing that is not named here passes, so that what a newer engine can do cannot slip in.
 */
export function judgeContainer(
  ours: Ours,
  name: string,
  body: unknown,
  hasIpv6 = kernelHasIpv6(),
): AllowedContainer | { refused: string } {
  const labels = isObject(body) && isObject(body['Labels']) ? body['Labels'] : {}
  if (labels[label.installation] !== ours.installation)
    return { refused: `Labels.${label.installation} must be this installation's` }
  const role = labels[label.role]
  if (role === 'gateway') {
    const refused = gatewayBody(ours, name, hasIpv6)(body, '')
    if (refused !== undefined) return { refused }
    const network = controlNetwork(ours).name
    const gatewayImage = (body as Judged).Image
    return { network, volume: undefined, mountsKeys: false, gatewayImage, silences: undefined }
  }
  const agentId = labels[label.agent]
  if (typeof agentId !== 'string' || !uuid.test(agentId))
    return { refused: `Labels.${label.agent} must be an agent's id` }
  const names = namesOf(ours, agentId)
  const silences = { image: (body as Judged).Image, labels }
  const none = { network: undefined, volume: undefined, gatewayImage: undefined, silences }
  if (role === 'agent') {
    if (name !== names.container) return { refused: `the name must be ${names.container}` }
    const refused = agentBody(ours, agentId, hasIpv6)(body, '')
    if (refused !== undefined) return { refused }
    const keeps = mountsOf(body).some(({ Type }) => Type === 'volume')
    return {
      ...{ ...none, network: names.network, mountsKeys: true },
      volume: keeps ? { name: names.volume, must: 'be-ours-or-absent' } : undefined,
    }
  }
  if (role === 'hand-over') {
    if (name !== names.handOver) return { refused: `the name must be ${names.handOver}` }
    const refused = handOverBody(ours, agentId)(body, '')
    if (refused !== undefined) return { refused }
    const mountsKeys = mountsOf(body).some(({ Type }) => Type === 'bind')
    const volume = mountsKeys ? undefined : ({ name: names.volume, must: 'be-there' } as const)
    return { ...none, mountsKeys, volume }
  }
  return { refused: `Labels.${label.role} must be agent, gateway or hand-over` }
}

type Judged = { Image: string; HostConfig: { Mounts: { Type: string }[] } }

const mountsOf = (body: unknown) => (body as Judged).HostConfig.Mounts
