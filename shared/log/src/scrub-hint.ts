/** What every secret that `scrubText` knows has in it, at least. */
export const HINT =
  /nora|nsk1|eyJ|sk[-_]|_live_|_test_|gh[a-z]_|github_|glpat|A[KSBC]IA|ACCA|xox|xapp|AIza|ya29|hf_|gsk_|npm_|r8_|pypi|lin_api|xai-|pplx|tvly|nvapi|SG\.|:AA|bearer|basic|pass|pwd|psk|secret|token|ticket|key|mnemonic|seed|cookie|authorization|:\\?\/\\?\/|-----|whsec|[rp]k_|[0-9a-f]{64}/i

// Three neighbouring characters of each of HINT's alternatives but the last; rare ones, where there is a choice.
const letters = [...'abcdefghijklmnopqrstuvwxyz']
const trigrams = [
  ...[
    'nor',
    'nsk',
    'eyj',
    'sk-',
    'sk_',
    '_li',
    '_te',
    'hub',
    'glp',
    'kia',
    'sia',
    'bia',
    'cia',
    'cca',
    'xox',
    'xap',
  ],
  ...[
    'iza',
    'a29',
    'hf_',
    'gsk',
    'pm_',
    'r8_',
    'ypi',
    'n_a',
    'xai',
    'plx',
    'tvl',
    'nva',
    'sg.',
    ':aa',
    'bea',
    'sic',
  ],
  ...[
    'pas',
    'pwd',
    'psk',
    'ecr',
    'oke',
    'cke',
    'key',
    'mne',
    'eed',
    'oki',
    'hor',
    '://',
    ':\\/',
    ':/\\',
    '---',
    'hse',
  ],
  ...['rk_', 'pk_'],
  ...letters.map((letter) => `h${letter}_`),
]
// Five bits of a character are the same for a letter in either case; what falls together only costs a second look.
const place = (a: number, b: number, c: number) => ((a & 31) << 10) | ((b & 31) << 5) | (c & 31)
const known = new Uint8Array(32_768)
for (const text of trigrams) known[place(text.charCodeAt(0), text.charCodeAt(1), text.charCodeAt(2))] = 1

const hexRun = 64
const probe = hexRun / 2

/** False when HINT cannot match the text: a quick look, a tenth of what the pattern costs. True may be wrong. */
export function mayHint(text: string): boolean {
  let at = 0
  for (let i = 0; i < text.length; i++) {
    at = ((at << 5) & 32_736) | (text.charCodeAt(i) & 31)
    if (known[at] === 1) return true
  }
  // A run of 64 hex digits covers two neighbouring ones of these places.
  for (let i = probe; i < text.length; i += probe) {
    if (isHex(text.charCodeAt(i)) && isHex(text.charCodeAt(i - probe)) && isRun(text, i)) return true
  }
  return false
}

/** Whether so many hex digits stand around a place in which one stands. */
function isRun(text: string, place: number): boolean {
  let from = place
  let to = place
  while (to - from < hexRun && isHex(text.charCodeAt(from - 1))) from--
  while (to - from < hexRun && isHex(text.charCodeAt(to))) to++
  return to - from >= hexRun
}

const isHex = (c: number) => (c >= 48 && c <= 57) || (c >= 65 && c <= 70) || (c >= 97 && c <= 102)
