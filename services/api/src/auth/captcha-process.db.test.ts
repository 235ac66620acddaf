import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { deriveSealing, formatSealKey } from '@nora/crypto/keys'
import { freePort } from '@nora/testing/free-port'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { tempFolder } from '@nora/testing/temp-folder'
import { expect, test } from 'vitest'
import { captchaStandIn } from '../testing/captcha-stand-in.ts'
import { client } from '../testing/client.ts'
import { password } from '../testing/test-api.ts'
import { untilServing } from '../testing/until-serving.ts'

const database = testDatabase()
const redis = testRedis()
const provider = captchaStandIn()

test('the process that an operator starts with these settings asks the provider, with the secret of a file', async () => {
  const port = await freePort()
  const secret = `0x4${randomBytes(16).toString('base64url')}`
  const file = join(await tempFolder('nora-captcha-'), 'secret')
  await writeFile(file, `${secret}\n`)
  const setupToken = randomBytes(32).toString('hex')
  const env = {
    PATH: process.env['PATH'],
    NODE_ENV: 'production',
    NORA_LOG_LEVEL: 'trace',
    NORA_PORT: String(port),
    DATABASE_URL: database.appUrl,
    REDIS_URL: redis.url,
    JWT_SECRET: randomBytes(32).toString('hex'),
    NORA_SEAL_KEY: formatSealKey(deriveSealing(randomBytes(32), 1).sealKey),
    NORA_CAPABILITY_PRIVATE_KEY: randomBytes(32).toString('base64url'),
    NORA_SETUP_TOKEN: setupToken,
    SIGNUP_BOT_PROTECTION_PROVIDER: 'turnstile',
    SIGNUP_TURNSTILE_SITE_KEY: '0x4AAAAsite',
    SIGNUP_TURNSTILE_SECRET_FILE: file,
    SIGNUP_BOT_PROTECTION_VERIFY_URL: provider.url,
    NORA_PROVIDER_ALLOW_HOSTS: new URL(provider.url).host,
  }
  const main = fileURLToPath(new URL('../main.ts', import.meta.url))
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      said += text
    })
  }
  try {
    const url = `http://localhost:${port}`
    await untilServing(url)
    const visitor = client({ url, origin: url })
    const { body } = await visitor.get('/api/auth/signup-options')
    expect(body.captcha).toEqual({ provider: 'turnstile', siteKey: '0x4AAAAsite', action: 'signup' })
    const signUp = (captchaToken?: string) =>
      visitor.post('/api/auth/signup', { email: 'a@nora.test', password, setupToken, captchaToken })
    const refused = await signUp()
    expect([refused.status, refused.body.code, refused.body.reason]).toEqual([
      422,
      'captcha-failed',
      'missing',
    ])
    expect((await signUp('a-token-from-the-page')).status).toBe(202)
    expect(provider.asked).toEqual([{ secret, response: 'a-token-from-the-page' }])
    expect(said).toContain('api is listening')
    for (const never of [secret, 'a-token-from-the-page']) expect(said).not.toContain(never)
  } finally {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})
