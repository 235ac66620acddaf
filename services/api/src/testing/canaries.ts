import { randomBytes } from 'node:crypto'
import { exactScrubber } from '@nora/log/scrub-exact'
import { isSensitiveName } from '@nora/log/sensitive-keys'

export type Canary = {
  /** Where it was put. */
  place: string
  /** What of it is nowhere else, whatever its shape. */
  core: string
  /** It stands where a secret belongs: under a name that promises one. */
  credential: boolean
}

const shapes: ((core: string) => string)[] = [
  (core) => core,
  (core) => `sk-${core}`,
  (core) => `ghp_${core}`,
  (core) => `nora_hub_${core}`,
  (core) => `nora_invite_${core}`,
  (core) => `nsk1.1.${core}.${core}`,
  (core) => `xoxb-${core}`,
  (core) => `eyJhbGciOiJIUzI1NiJ9.${Buffer.from(core).toString('base64url')}.${core}`,
  (core) => `https://user:${core}@host.test/x`,
  (core) => `Bearer ${core}`,
]
const pem = (core: string) => `-----BEGIN PRIVATE KEY-----\n${core}\n-----END PRIVATE KEY-----`

const mark = 'c4n4ry'
const plain = new RegExp(`${mark}[0-9a-f]{20}`, 'gi')
const inHex = new RegExp(`${Buffer.from(mark).toString('hex')}[0-9a-f]{40}`, 'gi')
// Inside a longer text in base64 the mark begins at one of three places in a group of four.
const inBase64 = [0, 1, 2].map((skip) => {
  const encoded = Buffer.from('\0'.repeat(skip) + mark).toString('base64')
  return encoded.slice(Math.ceil((skip * 8) / 6), Math.floor(((skip + mark.length) * 8) / 6))
})

/** Makes secrets of each known shape and of none, one after the other, and remembers where each was put. */
export function canaries() {
  const planted: Canary[] = []
  let n = 0
  const plant = (place: string, options: { header?: boolean } = {}): string => {
    const core = `${mark}${randomBytes(10).toString('hex')}`
    const names = place.split(/[ .[\]]+/).slice(2)
    planted.push({ place, core, credential: names.some((name) => isSensitiveName(name)) })
    // A key of many lines stands in no header and no label.
    const usable = options.header || !planted.at(-1)!.credential ? shapes : [...shapes, pem]
    return usable[n++ % usable.length]!(core)
  }
  /** Which of them stand in the text: as they are in either case, in hex, in base64. */
  const within = (text: string, which: (one: Canary) => boolean = () => true): string[] => {
    const found = new Set([...text.matchAll(plain)].map(([core]) => core.toLowerCase()))
    for (const [hex] of text.matchAll(inHex)) found.add(Buffer.from(hex, 'hex').toString('latin1'))
    const encoded = inBase64.some((part) => text.includes(part))
    return planted
      .filter(which)
      .filter(({ core }) => found.has(core) || (encoded && exactScrubber([Buffer.from(core)])(text) !== text))
      .map(({ place }) => place)
  }
  return { plant, within, planted }
}
