import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { secretsSeen } from './inside.ts'
import { formsOf, secretsFoundIn, secretsIn } from './secrets.ts'

const hex = '00ff'.repeat(16)

test('secrets are read from every kind of file that an installation has', () => {
  const values = (path: string, text: string) => secretsIn(path, text).map(({ value }) => value)
  expect(values('worker.env', `ENCRYPTION_KEY=${hex}\nNORA_WORKER_PORT=7070707070707070\n`)).toEqual([hex])
  expect(values('worker.env', `ENCRYPTION_KEYS_PREVIOUS=1:${hex},2:${hex.replaceAll('f', 'e')}`)).toEqual([
    hex,
    hex.replaceAll('f', 'e'),
  ])
  expect(values('compose/secrets/api/DATABASE_URL', `postgres://nora_app:${hex}@10.0.0.1:5432/nora`)).toEqual(
    [hex],
  )
  expect(
    values('compose/secrets/redis/users.acl', `user default off\nuser nora_api on #${hex}${hex} ~x`),
  ).toEqual([hex])
  expect(
    values('tls/privkey.pem', `-----BEGIN PRIVATE KEY-----\nabcdefgh\nijklmnop\n-----END PRIVATE KEY-----\n`),
  ).toEqual(['abcdefghijklmnop'])
  expect(
    values('tls/fullchain.pem', '-----BEGIN CERTIFICATE-----\nabcdefghijklmnop\n-----END CERTIFICATE-----\n'),
  ).toEqual([])
  expect(values('demo.json', '{"email":"a@b.test","password":"correct horse battery"}')).toEqual([
    'correct horse battery',
  ])
  expect(values('compose/.env', `NORA_DIGEST_API='${hex}'`)).toEqual([])
})

test('a secret is known in all its forms, and told by its name alone', () => {
  const secrets = [{ name: 'ENCRYPTION_KEY', value: hex }]
  for (const form of formsOf(hex)) expect(secretsFoundIn(`x ${form} y`, secrets)).toEqual(['ENCRYPTION_KEY'])
  expect(formsOf(hex)).toContain(Buffer.from(hex, 'hex').toString('base64url'))
  expect(secretsFoundIn(`x ${hex.slice(0, 40)} y`, secrets)).toEqual([])
})

test('what a container reads is compared by hashes', () => {
  const seen = (word: string) => ({
    uid: 1,
    sockets: [],
    words: { env: [createHash('sha256').update(word).digest('hex')] },
  })
  const secrets = [{ name: 'ENCRYPTION_KEY', value: hex }]
  expect(secretsSeen(seen(hex), secrets)).toEqual(['ENCRYPTION_KEY in env'])
  expect(secretsSeen(seen(Buffer.from(hex, 'hex').toString('base64')), secrets)).toEqual([
    'ENCRYPTION_KEY in env',
  ])
  expect(secretsSeen(seen('another-word'), secrets)).toEqual([])
})
