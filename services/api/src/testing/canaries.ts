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

/** Makes secrets of each known shape and of none, one after the other, and remembers where each was put. */
export function canaries() {
  const planted: Canary[] = []
  let n = 0
  const plant = (place: string, options: { header?: boolean } = {}): string => {
    const core = `c4n4ry${randomBytes(10).toString('hex')}`
    const names = place.split(/[ .[\]]+/).slice(2)
    planted.push({ place, core, credential: names.some((name) => isSensitiveName(name)) })
    // A key of many lines stands in no header and no label.
    const usable = options.header || !planted.at(-1)!.credential ? shapes : [...shapes, pem]
    return usable[n++ % usable.length]!(core)
  }
  /** Which of them stand in the text, in any usual spelling. */
  const within = (text: string, which: (one: Canary) => boolean = () => true): string[] => {
    const wanted = planted.filter(which)
    if (exactScrubber(wanted.map(({ core }) => Buffer.from(core)))(text) === text) return []
    return wanted
      .filter(({ core }) => exactScrubber([Buffer.from(core)])(text) !== text)
      .map(({ place }) => place)
  }
  return { plant, within, planted }
}
