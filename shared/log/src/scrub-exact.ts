import { replacerOf } from './find-many.ts'
import { REDACTED } from './sensitive-keys.ts'

// Shorter than this, a "secret" is a piece of ordinary text: removing it would blank lines and hide nothing.
const MIN_BYTES = 4
// From here on a part of a longer encoded text can be told from chance.
const MIN_PART_CHARS = 12
const MIN_LINE_CHARS = 16
const FEW_FORMS = 256
// Lines that are looked for by themselves, of all secrets together: fifty private keys have fewer. Each has ten spellings, all of
// which are kept, for every agent that is followed.
const MOST_LINES = 4096

/**
 * Removes these exact secrets from a line: as they are, JSON-escaped, URL-encoded, in base64 and base64url (also
 * in the middle of a longer base64 text, as in Basic auth), in hex, and a secret of many lines also line by line (the first
 * 4096 lines of all of them).
 * For many lines and the same secrets use `exactScrubber`, which prepares the forms once.
 * @param secrets at least 4 bytes each; shorter ones are ignored.
 */
export function scrubExact(line: string, secrets: readonly Buffer[]): string {
  return exactScrubber(secrets)(line)
}

/**
 * `scrubExact` for a stream of lines. The forms are kept as strings, which cannot be wiped: drop the function when
 * the agent that was given these secrets is gone.
 */
export function exactScrubber(secrets: readonly Buffer[]): (line: string) => string {
  const left = { lines: MOST_LINES }
  const forms = [
    ...new Set(secrets.filter((s) => s.length >= MIN_BYTES).flatMap((secret) => formsOf(secret, left))),
  ]
  // One by one is quickest for few; for the lines of many long secrets it would take a worker's whole time.
  if (forms.length > FEW_FORMS) return replacerOf(forms, REDACTED)
  forms.sort((a, b) => b.length - a.length) // the longest first, or a part would leave the rest standing
  return (line) => {
    let clean = line
    for (const form of forms) if (clean.includes(form)) clean = clean.replaceAll(form, REDACTED)
    return clean
  }
}

function formsOf(secret: Buffer, left: { lines: number }): string[] {
  const forms = [secret.toString('base64'), secret.toString('base64').replace(/=+$/, '')]
  forms.push(secret.toString('base64url'), ...base64Parts(secret))
  const hex = secret.toString('hex')
  forms.push(hex, hex.toUpperCase())
  const text = secret.toString('utf8')
  if (!Buffer.from(text, 'utf8').equals(secret)) return forms // not text: it has no other spelling
  const trimmed = text.trim()
  const lines = trimmed.split(/\r?\n/).filter((l) => l.length >= MIN_LINE_CHARS)
  const texts = [text, trimmed, ...lines.slice(0, left.lines)]
  left.lines -= Math.min(lines.length, left.lines)
  for (const one of texts) if (one.length >= MIN_BYTES) forms.push(one, ...escaped(one))
  return forms
}

function escaped(text: string): string[] {
  const json = JSON.stringify(text).slice(1, -1)
  const twice = JSON.stringify(json).slice(1, -1)
  const url = encodeURIComponent(text.toWellFormed())
  const strict = url.replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`) // RFC 3986
  const form = strict.replaceAll('%20', '+')
  const lower = (s: string) => s.replace(/%[0-9A-F]{2}/g, (e) => e.toLowerCase())
  const slashes = json.replaceAll('/', '\\/')
  return [json, twice, slashes, url, strict, form, lower(url), lower(strict), lower(form)]
}

// Inside a longer base64 text a secret begins at one of three places in a group; the characters that also hold bits
// of its neighbours differ, those between are always the same.
function base64Parts(secret: Buffer): string[] {
  const parts: string[] = []
  for (const skip of [0, 1, 2]) {
    const encoded = Buffer.concat([Buffer.alloc(skip), secret])
      .toString('base64')
      .replace(/=+$/, '')
    const whole = Math.floor(((skip + secret.length) * 8) / 6)
    const part = encoded.slice(Math.ceil((skip * 8) / 6), whole)
    if (part.length >= MIN_PART_CHARS) {
      parts.push(part, part.replaceAll('+', '-').replaceAll('/', '_'))
    }
  }
  return parts
}
