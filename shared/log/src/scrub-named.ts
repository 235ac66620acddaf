import { REDACTED } from './sensitive-keys.ts'

// A name that promises a secret, a separator, and the quote the value opens with. Groups: 1 name, 2 the quote that
// closes the name, 3 the opening quote. Quotes carry their backslashes: JSON inside JSON has `\"` and `\\\"`.
const HEAD =
  /(passw(?:or)?d|passphrase|passcode|secret|token|(?:api|private|secret|access|signing|encryption|seal|master)[_-]?key|mnemonic|seed[_-]?phrase|(?<![A-Za-z])(?:pwd|psk)|nora_[ar]t|cookie|authorization|x-nora-capability)s?(?:[_-]?(?:value|hash|text|raw|previous))?((?:\\{0,31}["'])?)[^\S\r\n]{0,4}(?:=>|[:=])[^\S\r\n]{0,4}(\\{0,31}["'`]|)/gi
const FLAG =
  /(--[a-z-]{0,30}(?:password|passphrase|secret|token|key)[^\S\r\n]{1,4})([^\s"'`\\-][^\s"'`\\]{0,4095})/gi

// Beside these names anything is a secret; beside `token` or `secret` prose is common ("the token: not found").
const ALWAYS = /^(?:passw|passp|passc|pwd|psk|authorization|x-nora|nora_|seed|mnemonic|.*key$)/i
const TO_LINE_END = /^(?:cookie|authorization)/i
const NOT_A_SECRET =
  /^(?:\[(?:redacted|truncated|bytes)|(?:null|undefined|true|false|none|missing|required|invalid|expired|not|is|was|must|has|and|or|for|from|the)\b)/i
// After `"enter password: "` the quote has closed the sentence, not opened a value.
const JSON_GOES_ON = /^(?:\s*$|[}\]]|,\\*"|:\\*["{[\dtfn-])/
const MAX_VALUE_CHARS = 4096
const LOOK_CHARS = 256

/**
 * Replaces the value beside a name that promises a secret: `password=x`, `"token":"x"`, `\"api_key\": \"x\"`,
 * `Authorization: Basic x`, `--token x`. Never consumes the quote of an enclosing JSON string.
 */
export function scrubNamed(text: string): string {
  let clean = ''
  let at = 0
  HEAD.lastIndex = 0
  for (let head = HEAD.exec(text); head; head = HEAD.exec(text)) {
    const [, , nameQuote, quote] = head as unknown as [string, string, string, string]
    const from = HEAD.lastIndex
    if (quote !== '' && nameQuote !== quote && JSON_GOES_ON.test(text.slice(from, from + 40))) continue
    // What is not a secret is looked at again from its start, as it may hold the next name: hence the short look.
    if (!isSecret(head, text.slice(from, valueEnd(text, from, head, LOOK_CHARS)))) continue
    const to = valueEnd(text, from, head, MAX_VALUE_CHARS)
    // A bare value after a quoted name is a number in JSON: it stays a value by becoming a string.
    const q = quote === '' ? nameQuote : ''
    clean += `${text.slice(at, from)}${q}${REDACTED}${q}`
    at = to
    HEAD.lastIndex = to
  }
  return (clean + text.slice(at)).replace(FLAG, `$1${REDACTED}`)
}

function isSecret(head: RegExpExecArray, value: string): boolean {
  const name = head[1]!
  if (value === '' || NOT_A_SECRET.test(value)) return false
  if (/^tokens/i.test(head[0]) && /^\d+$/.test(value)) return false // how many a model was given
  return ALWAYS.test(name) || (value.length >= 6 && /[0-9]|[a-z][A-Z]|[^\w\s.,:-]/.test(value))
}

function valueEnd(text: string, from: number, head: RegExpExecArray, most: number): number {
  const [, name, nameQuote, quote] = head as unknown as [string, string, string, string]
  const end = Math.min(text.length, from + most)
  if (quote !== '') return quotedEnd(text, from, end, quote)
  const stop = stopAfter(name, nameQuote)
  stop.lastIndex = from
  const found = stop.exec(text.slice(0, end))
  return found ? found.index : end
}

// Where a value without quotes ends: in JSON at its punctuation; a header's with the line; a password, which may
// hold commas and brackets, with the word.
function stopAfter(name: string, nameQuote: string): RegExp {
  if (nameQuote !== '') return /[\s"'`\\,}\]]/g
  if (TO_LINE_END.test(name)) return /["\\\r\n]/g
  return ALWAYS.test(name) ? /[\s"'`\\&;]/g : /[\s"'`\\&;,<>(){}[\]|]/g
}

// The value ends at the first quote of its own kind that is on its own level of escaping or on one around it, and
// at any double quote after which a JSON document goes on: that one ends the string the whole text stands in.
function quotedEnd(text: string, from: number, end: number, quote: string): number {
  const mark = quote.at(-1)
  const own = level(quote.length - 1)
  let backslashes = 0
  for (let i = from; i < end; i++) {
    const c = text[i]
    if (c === '\n' || c === '\r') return i
    if (c === '\\') {
      backslashes++
      continue
    }
    if (c === mark || c === '"') {
      const found = level(backslashes)
      const closes = c === mark && found <= own
      if (closes || (c !== mark && JSON_GOES_ON.test(text.slice(i + 1, i + 40)))) return i - (2 ** found - 1)
    }
    backslashes = 0
  }
  return end - backslashes
}

// How many JSON strings deep a quote behind this many backslashes stands. Each level doubles the backslashes of the
// one below and adds one for the quote, so the level is the number of ones at the end of the binary number; the rest
// are backslashes that belong to the text.
function level(backslashes: number): number {
  let ones = 0
  for (let n = backslashes; n & 1; n >>>= 1) ones++
  return ones
}
