const most = 20

/** The addresses and blocks that somebody typed, one a line or with commas between. */
export const readCidrs = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean)

/** What is wrong with a list of addresses and blocks, naming the first that is; undefined: nothing. */
export function wrongCidrs(cidrs: readonly string[]): string | undefined {
  if (cidrs.length > most) return `At most ${most}.`
  for (const text of cidrs) {
    const wrong = wrongCidr(text)
    if (wrong) return `“${text.length > 50 ? `${text.slice(0, 50)}…` : text}” ${wrong}`
  }
  return undefined
}

function wrongCidr(text: string): string | undefined {
  const [address = '', length, more] = text.split('/')
  const bits = isIpv4(address) ? 32 : isIpv6(address) ? 128 : undefined
  if (bits === undefined || more !== undefined)
    return 'is neither an address nor a block like 203.0.113.0/24.'
  if (length !== undefined && !(/^\d{1,3}$/.test(length) && Number(length) <= bits))
    return `needs a number from 0 to ${bits} after the slash.`
  // A caller's IPv4 address is always seen as one: in IPv6 clothes it would let nobody in.
  return bits === 128 && isMapped(address) ? 'must be written as an IPv4 address or block.' : undefined
}

const isIpv4 = (text: string) =>
  /^(?:\d{1,3}\.){3}\d{1,3}$/.test(text) &&
  text.split('.').every((part) => Number(part) <= 255 && String(Number(part)) === part)

const isIpv6 = (text: string) =>
  text.includes(':') && /^[0-9a-f:.]+$/i.test(text) && URL.canParse(`http://[${text}]/`)

const isMapped = (text: string) => new URL(`http://[${text}]/`).hostname.startsWith('[::ffff:')
