import { readFile } from 'node:fs/promises'
import { isIPv4 } from 'node:net'

const upstreamOfSystemd = '/run/systemd/resolve/resolv.conf'

/**
 * The name servers that the engine's own name service forwards to, from the agent's address: those of /etc/resolv.conf
 * that are not loopback. Where only systemd-resolved's stub stands there, the engine takes the file with its upstreams
 * (moby, libnetwork/resolvconf), and so do we. Empty when there is none: the engine then asks public ones.
 */
export async function readResolvers(
  file = '/etc/resolv.conf',
  upstream = upstreamOfSystemd,
): Promise<string[]> {
  const listed = nameServers(await readFile(file, 'utf8').catch(() => ''))
  if (listed.length === 1 && listed[0] === '127.0.0.53') {
    return outside(nameServers(await readFile(upstream, 'utf8').catch(() => '')))
  }
  return outside(listed)
}

/** IPv4 addresses behind `nameserver`, each once. */
export function nameServers(text: string): string[] {
  const found = text.split('\n').flatMap((line) => {
    const address = /^\s*nameserver\s+(\S+)/.exec(line)?.[1]
    return address && isIPv4(address) ? [address] : []
  })
  return [...new Set(found)]
}

const outside = (addresses: string[]) => addresses.filter((address) => !/^(?:127|0)\./.test(address))
