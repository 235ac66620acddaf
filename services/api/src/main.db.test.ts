import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { deriveSealing, formatSealKey } from '@nora/crypto/keys'
import { freePort } from '@nora/testing/free-port'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { afterEach, expect, inject, test } from 'vitest'
import { untilServing } from './testing/until-serving.ts'

const database = testDatabase()
const redis = testRedis()
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

const secrets = {
  JWT_SECRET: randomBytes(32).toString('hex'),
  NORA_SEAL_KEY: formatSealKey(deriveSealing(randomBytes(32), 1).sealKey),
  NORA_CAPABILITY_PRIVATE_KEY: randomBytes(32).toString('base64url'),
  NORA_SETUP_TOKEN: randomBytes(32).toString('hex'),
}

function start(env: Record<string, string>) {
  const child = spawn(process.execPath, [fileURLToPath(new URL('main.ts', import.meta.url))], {
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'test',
      REDIS_URL: redis.url,
      DATABASE_URL: database.appUrl,
      ...secrets,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
    })
  }
  return { child, output: () => output, exit: once(child, 'exit', { signal: AbortSignal.timeout(120_000) }) }
}

test('the process serves, ends in order on SIGTERM, and prints no secret', async () => {
  const port = await freePort()
  const { child, output, exit } = start({ NORA_PORT: String(port), NORA_LOG_LEVEL: 'trace' })
  await untilServing(`http://127.0.0.1:${port}`)
  const answer = await fetch(`http://127.0.0.1:${port}/api/auth/bootstrap-status`)
  expect(await answer.json()).toEqual({ claimed: false })
  const body = JSON.stringify({
    email: 'a@nora.test',
    password: 'my own passphrase',
    setupToken: secrets.NORA_SETUP_TOKEN,
  })
  const headers = { 'content-type': 'application/json' }
  const post = (path: string, text: string) =>
    fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers, body: text })
  expect((await post('/api/auth/signup', body)).status).toBe(202)
  const login = await post(
    '/api/auth/login',
    JSON.stringify({ email: 'a@nora.test', password: 'my own passphrase', transport: 'bearer' }),
  )
  const tokens = (await login.json()) as { accessToken: string; refreshToken: string }
  child.kill('SIGTERM')
  expect(await exit).toEqual([0, null])
  const said = [
    ...Object.values(secrets),
    'my own passphrase',
    tokens.accessToken,
    tokens.refreshToken,
    inject('postgres').passwords.app,
  ]
  for (const secret of said) expect(output()).not.toContain(secret)
  expect(output()).toContain('api is listening')
})

test.each([
  ['a missing JWT_SECRET', { JWT_SECRET: '' }, 'JWT_SECRET'],
  ['a seal key that is none', { NORA_SEAL_KEY: 'nsk1.1.a.b' }, 'NORA_SEAL_KEY'],
  [
    "the worker's key, in production",
    { NODE_ENV: 'production', ENCRYPTION_KEY: randomBytes(32).toString('hex') },
    'ENCRYPTION_KEY',
  ],
])('with %s it refuses to start with 78, naming the variable and no value', async (_, env, variable) => {
  const { output, exit } = start(env)
  expect(await exit).toEqual([78, null])
  expect(output()).toContain(variable)
  for (const secret of Object.values({ ...secrets, ...env })) {
    if (secret.length > 20) expect(output()).not.toContain(secret)
  }
})
