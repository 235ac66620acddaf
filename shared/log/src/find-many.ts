/** Texts that begin with the same four characters, in order of their characters. */
type Bucket = { texts: string[]; parents: Int32Array }

const headChars = 4
const places = 65_536

/**
 * Gives a function that replaces every occurrence of any of these texts, of at least four characters each; occurrences that
 * overlap become one. Its time grows with the text that is looked through and hardly with how many are looked for: they are
 * sorted, so that at each place the longest that stands there is found by halving.
 */
export function replacerOf(wanted: readonly string[], replacement: string): (text: string) => string {
  const seen = new Uint8Array(places)
  const buckets = new Map<string, Bucket>()
  const heads = new Map<string, string[]>()
  for (const text of new Set(wanted)) {
    if (text.length < headChars) throw new RangeError('a text to look for has at least four characters')
    seen[placeOf(text, 0)] = 1
    const head = text.slice(0, headChars)
    const found = heads.get(head)
    if (found) found.push(text)
    else heads.set(head, [text])
  }
  for (const [head, texts] of heads) buckets.set(head, bucketOf(texts.sort()))

  const lengthAt = (text: string, at: number): number => {
    if (seen[placeOf(text, at)] !== 1) return 0
    const bucket = buckets.get(text.slice(at, at + headChars))
    return bucket ? longestAt(bucket, text, at) : 0
  }

  return (text) => {
    let clean = ''
    let from = 0
    let end = -1
    for (let at = 0; at + headChars <= text.length; at++) {
      const length = lengthAt(text, at)
      if (length === 0) continue
      if (at >= end) {
        clean += text.slice(from, at) + replacement
        end = at
      }
      end = Math.max(end, at + length)
      from = end
    }
    return from === 0 ? text : clean + text.slice(from)
  }
}

const placeOf = (text: string, at: number): number =>
  (text.charCodeAt(at) * 31 +
    text.charCodeAt(at + 1) * 1_021 +
    text.charCodeAt(at + 2) * 8_191 +
    text.charCodeAt(at + 3) * 131_071) &
  (places - 1)

/** `parents`: of each text the longest other one that it begins with, or -1. */
function bucketOf(texts: string[]): Bucket {
  const parents = new Int32Array(texts.length)
  const open: number[] = []
  for (let i = 0; i < texts.length; i++) {
    while (open.length > 0 && !texts[i]!.startsWith(texts[open.at(-1)!]!)) open.pop()
    parents[i] = open.at(-1) ?? -1
    open.push(i)
  }
  return { texts, parents }
}

/**
 * The length of the longest of the bucket's texts that stands at a place; 0: none. Whatever is sorted between a text and a longer
 * one that begins with it begins with it too: so it is the last that is not beyond what stands there, or one of its parents.
 */
function longestAt({ texts, parents }: Bucket, text: string, at: number): number {
  let low = 0
  let high = texts.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isBeyond(texts[middle]!, text, at)) high = middle
    else low = middle + 1
  }
  let found = low - 1
  if (found < 0) return 0
  const common = commonLength(texts[found]!, text, at)
  while (found >= 0 && texts[found]!.length > common) found = parents[found]!
  return found < 0 ? 0 : texts[found]!.length
}

function isBeyond(one: string, text: string, at: number): boolean {
  const common = commonLength(one, text, at)
  if (common === one.length) return false
  return at + common >= text.length || one.charCodeAt(common) > text.charCodeAt(at + common)
}

function commonLength(one: string, text: string, at: number): number {
  const most = Math.min(one.length, text.length - at)
  let common = 0
  while (common < most && one.charCodeAt(common) === text.charCodeAt(at + common)) common++
  return common
}
