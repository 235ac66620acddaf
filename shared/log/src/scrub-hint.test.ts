import { expect, test } from 'vitest'
import { HINT, mayHint } from './scrub-hint.ts'

const words = [
  ...[
    'nora',
    'nsk1',
    'eyJ',
    'sk-',
    'sk_',
    '_live_',
    '_test_',
    'ghp_',
    'gho_',
    'github_',
    'glpat',
    'AKIA',
    'ASIA',
    'ABIA',
  ],
  ...[
    'ACIA',
    'ACCA',
    'xox',
    'xapp',
    'AIza',
    'ya29',
    'hf_',
    'gsk_',
    'npm_',
    'r8_',
    'pypi',
    'lin_api',
    'xai-',
    'pplx',
  ],
  ...[
    'tvly',
    'nvapi',
    'SG.',
    ':AA',
    'bearer',
    'basic',
    'pass',
    'pwd',
    'psk',
    'secret',
    'token',
    'ticket',
    'key',
  ],
  ...[
    'mnemonic',
    'seed',
    'cookie',
    'authorization',
    '://',
    ':\\/\\/',
    ':/\\/',
    ':\\//',
    '-----',
    'whsec',
    'rk_',
    'pk_',
  ],
  ...['0123456789abcdef'.repeat(4), 'ABCDEF0123456789'.repeat(4)],
]

test('every alternative of the hint is among these words', () => {
  // Nested classes have no bar, so the bars part the alternatives.
  for (const alternative of HINT.source.split('|')) {
    const pattern = new RegExp(`^(?:${alternative})$`, 'i')
    expect(
      words.some((word) => pattern.test(word)),
      alternative,
    ).toBe(true)
  }
})

test('the quick look sees whatever the hint does, in any case and anywhere', () => {
  const fill = 'q w Ü 漢 zz 12:34:56.789 '
  for (const word of words) {
    for (const text of [word, word.toUpperCase(), word.toLowerCase()]) {
      for (let before = 0; before < 70; before++) {
        const whole = `${fill.repeat(4).slice(0, before)}${text}${fill.slice(0, before % 7)}`
        if (HINT.test(whole)) expect(mayHint(whole), whole).toBe(true)
      }
    }
  }
})

test('the quick look sees whatever the hint does in random text of few letters', () => {
  const alphabet = [...'keytokenpass_-:/\\.0a9AAghsIlivrx']
  let state = 12_345
  const random = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * below)
  }
  let hints = 0
  for (let i = 0; i < 20_000; i++) {
    const text = Array.from({ length: 30 }, () => alphabet[random(alphabet.length)]).join('')
    if (!HINT.test(text)) continue
    hints++
    expect(mayHint(text), text).toBe(true)
  }
  expect(hints).toBeGreaterThan(500)
})

test('the quick look passes by ordinary lines', () => {
  for (const line of [
    'GET /api/agents/12 200 34 ms',
    'worker started',
    'x'.repeat(200),
    '1234567890 '.repeat(20),
  ]) {
    expect(mayHint(line), line).toBe(false)
  }
})
