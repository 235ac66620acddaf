import { createHash } from 'node:crypto'
import { agentNetworkAt, controlNetwork, isPlaceOf, label, namesOf, type Ours, uuid } from './ours.ts'
import { exactly, fields, isObject, optional, type Rule, text } from './rules.ts'

const loopbackOnly = { 'com.docker.network.bridge.host_binding_ipv4': '127.0.0.1' }

/** The body of a network's creation: the gateways' control network, or one agent's own. Gives what is wrong. */
export function judgeNetwork(ours: Ours, body: unknown): string | undefined {
  const labels = isObject(body) && isObject(body['Labels']) ? body['Labels'] : {}
  if (labels[label.installation] !== ours.installation)
    return `Labels.${label.installation} must be this installation's`
  if (labels[label.role] === 'control') return controlBody(ours)(body, '')
  if (labels[label.role] !== 'network') return `Labels.${label.role} must be network or control`
  const agentId = labels[label.agent]
  if (typeof agentId !== 'string' || !uuid.test(agentId)) return `Labels.${label.agent} must be an agent's id`
  return agentNetworkBody(ours, agentId, body)(body, '')
}

const common = {
  CheckDuplicate: optional(exactly(true)),
  Driver: exactly('bridge'),
  Internal: exactly(false),
  Attachable: exactly(false),
  EnableIPv6: exactly(false),
}

function controlBody(ours: Ours): Rule {
  const { name, subnet, bridge } = controlNetwork(ours)
  return fields({
    ...common,
    Name: exactly(name),
    IPAM: exactly({ Driver: 'default', Config: [{ Subnet: subnet, Gateway: bridge }] }),
    Options: exactly({ ...loopbackOnly, 'com.docker.network.bridge.enable_ip_masquerade': 'false' }),
    Labels: exactly({ [label.installation]: ours.installation, [label.role]: 'control' }),
  })
}

function agentNetworkBody(ours: Ours, agentId: string, body: unknown): Rule {
  const given = (body as { IPAM?: { Config?: { Subnet?: unknown }[] } }).IPAM?.Config?.[0]?.Subnet
  const wanted = agentNetworkAt(ours, given)
  if (!wanted) return () => 'IPAM.Config[0].Subnet must be one of the eight-address blocks of the pool'
  return fields({
    ...common,
    Name: exactly(namesOf(ours, agentId).network),
    IPAM: exactly({ Driver: 'default', Config: [{ Subnet: wanted.subnet, Gateway: wanted.bridge }] }),
    Options: exactly({
      ...loopbackOnly,
      // Any other name could be that of a bridge that the host has already.
      'com.docker.network.bridge.name': bridgeName(ours.installation, agentId, wanted.subnet),
    }),
    Labels: fields({
      [label.installation]: exactly(ours.installation),
      [label.workspace]: text(/^[0-9a-f-]{0,36}$/, "a workspace's id"),
      [label.agent]: exactly(agentId),
      [label.role]: exactly('network'),
    }),
  })
}

function bridgeName(installation: string, agentId: string, subnet: string): string {
  const digest = createHash('sha256').update(`${installation}/${agentId}/${subnet}`).digest('hex')
  return `nr-${digest.slice(0, 12)}`
}

const containerName = text(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/, 'a container')

/** The body that joins a gateway to an agent's network, at the gateway's place. */
export const connectBody = (ours: Ours): Rule =>
  fields({
    Container: containerName,
    EndpointConfig: fields({
      IPAMConfig: fields({
        IPv4Address: (value, path) =>
          isPlaceOf('gateway', ours, value)
            ? undefined
            : `${path} must be the place of a gateway on an agent's network`,
      }),
    }),
  })

export const disconnectBody: Rule = fields({ Container: containerName, Force: optional(exactly(true)) })
