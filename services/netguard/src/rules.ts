import type { Allowed } from './settings.ts'

export type Chains = { forward: string; input: string }

export type RuleInput = {
  chains: Chains
  /** The pool of all agents' networks, as CIDR. */
  pool: string
  /** Nora's own containers, where it runs in some: they never ask a cloud for its metadata. */
  stack?: string | undefined
  /** IPv4 addresses that the engine's name service forwards to. */
  resolvers: readonly string[]
  /** What the operator opened. */
  allow: readonly Allowed[]
}

/** Every installation has chains of its own, so that several on one machine stand side by side. */
export function chainNames(installation: string): Chains {
  const id = installation.slice(0, 8)
  return { forward: `${prefix}${id}-FWD`, input: `${prefix}${id}-IN` }
}

/** What the names of all installations' chains begin with. */
export const prefix = 'NORA-'

/**
 * What an agent never reaches unless the operator opened it: everything that is not a public unicast address. RFC 6890
 * (special-purpose blocks), 6598 (carrier-grade NAT), 3927 (link-local, where clouds keep their metadata), 5771 (multicast).
 */
export const closedBlocks = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
] as const

// Clouds answer for their metadata and secrets on these too, outside the blocks above.
const closedAddresses = ['168.63.129.16/32'] as const // Azure's wire server

/**
 * The rules, in order, as `iptables` writes them without `-A CHAIN`. Forwarded packets are seen after the engine has
 * translated their destination, so a published port of this host is judged by the container behind it.
 */
export function guardRules({ pool, stack, resolvers, allow }: Omit<RuleInput, 'chains'>): {
  forward: string[]
  input: string[]
} {
  const from = `-s ${pool}`
  const answers = '-m conntrack --ctstate RELATED,ESTABLISHED'
  // Only what somebody else began: what an agent began while the rules were away is judged again with each packet.
  const answering = `${answers} --ctdir REPLY`
  const names = resolvers.flatMap((address) =>
    ['udp', 'tcp'].map(
      (protocol) => `${from} -d ${address}/32 -p ${protocol} -m ${protocol} --dport 53 -j RETURN`,
    ),
  )
  const opened = allow.map(
    ({ address, port, protocol }) =>
      `${from} -d ${address}/32 -p ${protocol} -m ${protocol} --dport ${port} -j RETURN`,
  )
  return {
    forward: [
      // One network's own traffic (an agent and its gateway) passes here where bridges ask the firewall.
      `${from} -d ${pool} -m physdev --physdev-is-bridged -j RETURN`,
      // The engine lifts its own wall between networks for a moment each time it makes one: this one stands.
      `${from} -d ${pool} -j DROP`,
      `${from} ${answering} -j RETURN`,
      ...names,
      ...opened,
      ...[...closedBlocks, ...closedAddresses].map((block) => `${from} -d ${block} -j DROP`),
      `${from} -j RETURN`,
      // Nobody but this host begins anything towards an agent; what the host sends does not pass here.
      `-d ${pool} ${answers} -j RETURN`,
      `-d ${pool} -j DROP`,
      // A taken-over container of ours does not become the machine's account at its cloud.
      ...(stack
        ? ['169.254.0.0/16', ...closedAddresses].map((block) => `-s ${stack} -d ${block} -j DROP`)
        : []),
    ],
    input: [`${from} ${answering} -j RETURN`, ...names, ...opened, `${from} -j DROP`],
  }
}

/** What stands now: how often each chain is jumped to, and whether first. From the text of `iptables-save -t mangle`. */
export type Standing = {
  /** The lines that are ours, to compare with what stood after we wrote them. */
  ours: string
  jumps: { forward: number; input: number }
}

export function standing(saved: string, chains: Chains): Standing {
  const lines = saved.split('\n').filter((line) => line.startsWith('-A '))
  const count = (builtIn: string, chain: string) =>
    lines.filter((line) => line === `-A ${builtIn} -j ${chain}`).length
  // Rules before the jump would be asked first; other installations' guards may be: they judge other pools.
  const before = (builtIn: string, chain: string) => {
    const own = lines.filter((line) => line.startsWith(`-A ${builtIn} `))
    const at = own.indexOf(`-A ${builtIn} -j ${chain}`)
    return own.slice(0, at < 0 ? own.length : at).filter((line) => !line.includes(` -j ${prefix}`))
  }
  const mine = lines.filter((line) =>
    [chains.forward, chains.input].some(
      (chain) => line.startsWith(`-A ${chain} `) || line.endsWith(` -j ${chain}`),
    ),
  )
  return {
    ours: [
      ...mine,
      ...before('FORWARD', chains.forward).map((line) => `before: ${line}`),
      ...before('INPUT', chains.input).map((line) => `before: ${line}`),
    ].join('\n'),
    jumps: { forward: count('FORWARD', chains.forward), input: count('INPUT', chains.input) },
  }
}

/**
 * Text for `iptables-restore --noflush`: replaces our two chains and puts the jumps to them first, in one step. `now`
 * tells how many jumps have to go.
 */
export function restoreText(input: RuleInput, now: Standing): string {
  const { forward, input: entering } = guardRules(input)
  const { chains } = input
  const jump = (builtIn: string, chain: string, times: number) => [
    ...Array.from({ length: times }, () => `-D ${builtIn} -j ${chain}`),
    `-I ${builtIn} 1 -j ${chain}`,
  ]
  return [
    '*mangle',
    `:${chains.forward} - [0:0]`,
    `:${chains.input} - [0:0]`,
    ...forward.map((rule) => `-A ${chains.forward} ${rule}`),
    ...entering.map((rule) => `-A ${chains.input} ${rule}`),
    ...jump('FORWARD', chains.forward, now.jumps.forward),
    ...jump('INPUT', chains.input, now.jumps.input),
    'COMMIT',
    '',
  ].join('\n')
}

/** Text that takes everything of ours away. `chains` exist (the caller has seen them). */
export function removeText(chains: Chains, now: Standing): string {
  const gone = (builtIn: string, chain: string, times: number) =>
    Array.from({ length: times }, () => `-D ${builtIn} -j ${chain}`)
  return [
    '*mangle',
    ...gone('FORWARD', chains.forward, now.jumps.forward),
    ...gone('INPUT', chains.input, now.jumps.input),
    `-F ${chains.forward}`,
    `-F ${chains.input}`,
    `-X ${chains.forward}`,
    `-X ${chains.input}`,
    'COMMIT',
    '',
  ].join('\n')
}
