import { HINT, mayHint } from './scrub-hint.ts'
import { scrubNamed } from './scrub-named.ts'
import { REDACTED } from './sensitive-keys.ts'
import { TOKENS } from './token-shapes.ts'

// Every pattern here is linear: repetition is over one character class or bounded, and no two neighbours can match
// the same character in more ways than a bounded number. A test feeds each its worst case.

const BEARER = /\b(Bearer|Basic)((?:[^\S\r\n]|%20|\+){1,4})([A-Za-z0-9._~+/=-]{8,})/gi
const USERINFO =
  /(:\\?\/\\?\/)([^\s/?#"'<>\\@:]{0,256}:(?!\d{1,5}(?:[/?#]|$))[^\s"'<>\\]{1,256}|[^\s/?#"'<>\\]{1,256})@/g

const HEX64 = /(?<![0-9A-Za-z])(?:0x)?[0-9a-fA-F]{64}(?:[0-9a-fA-F]{64})?(?![0-9A-Za-z])/g
const HEX64_AFTER_ESCAPE = /(?<=\\[nrt])[0-9a-fA-F]{64}(?![0-9A-Za-z])/g
const KEY_WORD = /key|secret|seed|priv|token|passw|psk|wallet|mnemonic|encrypt|cipher/i

/**
 * Replaces what looks like a secret in any text: tokens of known shape, values beside names that promise a secret,
 * credentials in URLs, PEM private keys, 64-character hex beside a word like key. The text may be plain, JSON, or
 * JSON inside JSON. Quotes and backslashes are never consumed, so JSON stays JSON.
 *
 * It is the second line: exact secrets that are known are removed by `scrubExact`, fields by `redact`. A secret of
 * no known shape and with no name beside it passes.
 * @returns the text, the very same string when there was nothing to replace. Linear in its length.
 */
export function scrubText(text: string): string {
  // Two looks, the cheaper one first, decide whether a text needs any of it.
  if (!mayHint(text) || !HINT.test(text)) return text
  let clean = text.includes('-----') ? scrubPem(text) : text
  if (clean.includes(':/') || clean.includes(':\\/')) clean = clean.replace(USERINFO, `$1${REDACTED}@`)
  clean = clean.replace(TOKENS, REDACTED).replace(BEARER, bearer)
  return scrubNamed(clean).replace(HEX64, hex).replace(HEX64_AFTER_ESCAPE, hex)
}

// "Basic understanding" and "bearer authentication" are prose; a credential has a digit, a sign or a capital inside.
function bearer(all: string, scheme: string, space: string, value: string): string {
  return /[0-9._~+/=]|[a-z][A-Z]/.test(value) ? `${scheme}${space}${REDACTED}` : all
}

// A digest or a container's id is 64 hex too: only beside a word that means a key, in the same clause.
function hex(all: string, ...rest: unknown[]): string {
  const [offset, text] = rest.slice(-2) as [number, string]
  const before = text.slice(Math.max(0, offset - 40), offset)
  if (/sha256:$/i.test(before)) return all
  const clause = before.slice(Math.max(...[',', ';', '{', '\n', '. '].map((s) => before.lastIndexOf(s))) + 1)
  return KEY_WORD.test(clause) ? REDACTED : all
}

const PEM_BEGIN = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g
const PEM_END = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/y
const PEM_BODY = /(?:[A-Za-z0-9+/=:,.\s]|-(?!----)|\\{1,31}[nrt])*/y

// Whole keys, and keys cut off at the end of a line. The walk never goes back: it is linear by construction.
function scrubPem(text: string): string {
  let clean = ''
  let at = 0
  PEM_BEGIN.lastIndex = 0
  for (let found = PEM_BEGIN.exec(text); found; found = PEM_BEGIN.exec(text)) {
    clean += text.slice(at, found.index) + REDACTED
    at = stickyEnd(PEM_BODY, text, PEM_BEGIN.lastIndex)
    at = stickyEnd(PEM_END, text, at)
    PEM_BEGIN.lastIndex = at
  }
  return clean + text.slice(at)
}

function stickyEnd(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from
  return pattern.test(text) ? pattern.lastIndex : from
}
