import { createPrivateKey, createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { credentialAad } from '@nora/crypto/aad'
import { deriveSealing, type OpenKey, parseSealKey } from '@nora/crypto/keys'
import { open } from '@nora/crypto/open'
import { beforeAll, expect, test } from 'vitest'
import { signedIn } from './client.ts'
import { stack } from './stack.ts'

// Somebody owns the api: its whole environment, its memory of keys, and a dump of the database.
const it = stack()
const secret = 'sk-what-nobody-may-read-0123456789'

type Row = {
  id: string
  workspace_id: string
  owner_id: string
  provider: string
  key_version: number
  secret_version: number
  destination_hosts: string[]
  sealed: Buffer
}

let dump: Row[]
let environment: Record<string, string>

beforeAll(async () => {
  const alice = await signedIn(it, 'alice')
  for (const provider of ['openai', 'anthropic', 'groq']) {
    const { status, body } = await alice.post('llm-providers', {
      provider,
      label: provider,
      secret: { apiKey: secret },
    })
    expect(status, JSON.stringify(body)).toBe(201)
  }
  dump = await it.database.asSuperuser<Row>('select * from nora.credentials')
  const lines = readFileSync(`/proc/${it.api.pid}/environ`, 'utf8').split('\0').filter(Boolean)
  environment = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
})

const aadOf = (row: Row) =>
  credentialAad({
    table: 'credentials',
    column: 'sealed',
    rowId: row.id,
    workspaceId: row.workspace_id,
    ownerId: row.owner_id,
    keyVersion: row.key_version,
    secretVersion: row.secret_version,
    kind: 'llm',
    provider: row.provider,
    destinationHosts: row.destination_hosts,
  })

/** Every 32 bytes that stand in the environment, in any spelling. */
function keyMaterial(): Buffer[] {
  const words = Object.values(environment).flatMap((value) => value.split(/[.,:@/?]/))
  const spellings = words.flatMap((word) => [
    Buffer.from(word, 'hex'),
    Buffer.from(word, 'base64url'),
    Buffer.from(word),
  ])
  return spellings.flatMap((bytes) => [bytes, bytes.subarray(0, 32)]).filter((bytes) => bytes.length === 32)
}

/** Those bytes as the decryption key itself, and as the private half of the pair with the api's own shared key. */
function guesses(bytes: Buffer): OpenKey[] {
  const known = parseSealKey(environment['NORA_SEAL_KEY']!)
  const der = Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), bytes])
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const pair = {
    privateKey: privateKey.toCryptoKey({ name: 'X25519' }, false, ['deriveBits']),
    publicKey: createPublicKey(privateKey).toCryptoKey({ name: 'X25519' }, true, []),
  }
  const derived = deriveSealing(bytes, known.version).openKey
  return [
    derived,
    { ...derived, kid8: known.kid8 },
    { ...derived, kid8: known.kid8, psk: known.psk },
    { version: known.version, kid8: known.kid8, psk: known.psk, keyPair: pair },
  ]
}

test('the environment is the real one: it holds what seals', () => {
  expect(environment['NORA_SEAL_KEY']).toMatch(/^nsk1\./)
  expect(Object.keys(environment).filter((name) => /^(ENCRYPTION_KEY|DOCKER_HOST)/.test(name))).toEqual([])
  expect(keyMaterial().length).toBeGreaterThan(4)
})

test('nothing in it opens one key of the dump', async () => {
  expect(dump).toHaveLength(3)
  for (const row of dump) {
    for (const bytes of keyMaterial()) {
      for (const key of guesses(Buffer.from(bytes))) {
        await expect(open([key], row.sealed, aadOf(row))).rejects.toMatchObject({ code: 'seal-open-failed' })
      }
    }
  }
})

test('the same attempt with the key of the worker does open them, so the attempt is a real one', async () => {
  const { openKey } = deriveSealing(Buffer.from(it.encryptionKey, 'hex'), 1)
  for (const row of dump) expect((await open([openKey], row.sealed, aadOf(row))).toString()).toContain(secret)
})

test('and the role of the api cannot select a record, whatever it asks', async () => {
  const query = it.database.app.selectFrom('credentials').select('sealed').execute()
  await expect(query).rejects.toMatchObject({ code: '42501' })
})
