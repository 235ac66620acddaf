import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { secretsIn } from './committed-secrets.ts'
import { madeUpValues } from './made-up-values.ts'
import { readSource, repositoryFiles } from './sources.ts'

const isText = (path: string) =>
  !/\.(?:png|jpe?g|ico|woff2?|gz|zip)$/.test(path) && path !== 'package-lock.json'
const texts = repositoryFiles()
  .filter(isText)
  .map((path) => ({ path, text: readSource(path).text }))

test('no tracked file holds a secret', () => {
  expect(texts.length).toBeGreaterThan(1000)
  const found = texts.flatMap(({ path, text }) =>
    // The value itself is not printed: what was found may be real.
    secretsIn(text).map(
      (one) => `${path}:${one.line} ${one.kind} ${one.value.slice(0, 8)}… (${one.value.length})`,
    ),
  )
  expect(found).toEqual([])
})

test('each value that is let through stands where it is said to stand, and says why', () => {
  for (const { value, file, why } of madeUpValues) {
    expect(
      texts.find((one) => one.path === file)?.text.includes(value),
      `${file} ${value.slice(0, 12)}`,
    ).toBe(true)
    expect(why.length).toBeGreaterThan(10)
  }
})

const random = (bytes: number) => randomBytes(bytes).toString('base64url').replace(/[-_]/g, 'x')
const hex = (bytes: number) => randomBytes(bytes).toString('hex')
const pem = () =>
  generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
const seeds: [string, () => string][] = [
  ['a workspace API key', () => `const k = "${['nora', 'hub'].join('_')}_ab12cd34ef_${random(30)}"`],
  ['a seal key', () => `NORA_SEAL_KEY=nsk1.1.${random(32)}.${random(32)}`],
  ['an OpenAI key', () => `{"key": "${['sk', 'proj'].join('-')}-${random(36)}"}`],
  ['a GitHub token', () => `token: ${'gh'}p_${random(27)}`],
  ['an AWS key id', () => `aws ${'AK'}IA${random(30).toUpperCase().slice(0, 16)}`],
  [
    'a JWT',
    () => `Cookie: at=${Buffer.from('{"alg":"HS256"}').toString('base64url')}.${random(40)}.${random(32)}`,
  ],
  ['a private key', pem],
  ['a private key in JSON', () => JSON.stringify({ pem: pem() })],
  ['an encryption key', () => `ENCRYPTION_KEY=${hex(32)}`],
  ['a secret in YAML', () => `  jwt_secret: '${hex(32)}'`],
  ['a password', () => `const databasePassword = '${random(24)}7'`],
  ['a password without a digit', () => `password: '${'qWmZpRxKtYbNvLcHsGfDjUeAoIwQmXzT'}'`],
  ['a base64 secret', () => `apiSecret: "${randomBytes(48).toString('base64')}"`],
]

test.each(seeds)('finds %s', (_, seed) => {
  for (let round = 0; round < 20; round++) {
    const text = `first line\n${seed()}\nlast line\n`
    expect(
      secretsIn(text).map((one) => one.line),
      text,
    ).toContain(2)
  }
})

test.each([
  ['a digest', () => `image: nora@sha256:${hex(32)} # key`],
  ['a checksum beside a key', () => `keyHash = '${hex(32)}'`],
  ['a name', () => 'siteKey: SIGNUP_RECAPTCHA_SITE_KEY_OF_VERSION_2'],
  ['a placeholder', () => 'JWT_SECRET=change-me-with-openssl-rand-hex-32'],
  ['what counts', () => `apiKey: '${'s'}k-test-0123456789abcdefghij'`],
])('leaves alone %s', (_, text) => {
  expect(secretsIn(text())).toEqual([])
})
