import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { deriveSealing, formatSealKey } from '@nora/crypto/keys'
import { freePort } from '@nora/embedded/free-port'
import type { TestDatabase } from '@nora/testing/clone-database'
import { type MeasuredProcess, measuredProcess, untilReady } from './measured-process.ts'
import type { BenchServices } from './services.ts'

export type ApiUnderTest = {
  url: string
  process: MeasuredProcess
  /** What a signed-in page sends: its cookies. */
  headers: Record<string, string>
  email: string
  password: string
  userId: string
  workspaceId: string
}

const password = 'correct horse battery staple'

/** The real api in a process of its own, configured as in production (only its limits are out of reach), and somebody signed in. */
export async function apiUnderTest(
  services: BenchServices,
  database: TestDatabase,
  signal: AbortSignal,
): Promise<ApiUnderTest> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const setupToken = randomBytes(24).toString('base64url')
  const process = await measuredProcess(services, 'services/api/src/main.ts', {
    NODE_ENV: 'production',
    DATABASE_URL: database.appUrl,
    REDIS_URL: await services.redis(),
    NORA_PORT: String(port),
    NORA_PUBLIC_URL: url,
    JWT_SECRET: randomBytes(32).toString('hex'),
    NORA_SEAL_KEY: formatSealKey(deriveSealing(randomBytes(32), 1).sealKey),
    NORA_CAPABILITY_PRIVATE_KEY: randomBytes(32).toString('base64url'),
    NORA_SETUP_TOKEN: setupToken,
    NORA_RATE_LIMITS:
      'global=99999999/60,mutations=99999999/60,tickets=99999999/60,login=99999999/60,signup-burst=99999/60,signup-daily=99999/60',
    MAX_AGENTS: '1000',
  })
  await untilReady(`${url}/api/healthz`, signal)
  const email = 'bench@nora.test'
  const post = (path: string, body: object) =>
    fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: url },
      body: JSON.stringify(body),
      signal,
    })
  // It answers before it has reached Redis, without which nobody signs up.
  const signUp = () => post('/api/auth/signup', { email, password, setupToken })
  let claimed = await signUp()
  for (let tries = 0; claimed.status === 503 && tries < 50; tries++) {
    await delay(100, undefined, { signal })
    claimed = await signUp()
  }
  if (!claimed.ok) throw new Error(`sign-up answered ${claimed.status} ${await claimed.text()}`)
  const answer = await post('/api/auth/login', { email, password, transport: 'cookie' })
  if (!answer.ok) throw new Error(`sign-in answered ${answer.status} ${await answer.text()}`)
  const cookie = answer.headers
    .getSetCookie()
    .map((line) => line.split(';', 1)[0])
    .join('; ')
  const [ids] = await database.asSuperuser<{ userId: string; workspaceId: string }>(
    'select personal_of as "userId", id as "workspaceId" from nora.workspaces where personal_of is not null',
  )
  return { url, process, headers: { cookie, accept: 'application/json' }, email, password, ...ids! }
}
