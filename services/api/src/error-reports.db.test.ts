import { startIngest } from '@nora/error-reports/testing/ingest'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { afterEach, expect, test } from 'vitest'
import { type ApiProcess, startApiProcess } from './testing/api-process.ts'

const redis = testRedis()
// Says which of our modules for reports are loaded.
const hook = `import { registerHooks } from 'node:module'
registerHooks({ load(url, context, next) {
  if (url.includes('/error-reports/src/')) process.stderr.write('LOADED ' + url + '\\n')
  return next(url, context)
} })`

const open: ApiProcess[] = []
afterEach(() => {
  for (const api of open.splice(0)) api.kill()
})

async function start(env: Record<string, string>): Promise<ApiProcess> {
  const api = await startApiProcess(
    {
      REDIS_URL: redis.url,
      // Nobody is there: every call that needs Postgres is a fault.
      DATABASE_URL: 'postgres://nora_app:canary-of-the-password@127.0.0.1:1/nora',
      ...env,
    },
    ['--import', `data:text/javascript,${encodeURIComponent(hook)}`],
  )
  open.push(api)
  return api
}

const fail = (url: string) =>
  fetch(`${url}/api/auth/login?token=canary-of-the-query`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      cookie: 'nora_at=canary-of-the-cookie',
      'user-agent': 'canary-of-the-agent',
    },
    body: JSON.stringify({ email: 'canary-of-the-address@nora.test', password: 'canary-of-the-password' }),
  })

test('with a DSN a fault is reported under its correlation id, and nothing of the request', async () => {
  const ingest = await startIngest()
  try {
    const { url, output, end } = await start({ SENTRY_DSN: ingest.dsn })
    expect(output()).toContain('LOADED')
    const answer = await fail(url)
    expect(answer.status).toBe(503)
    const { correlationId } = (await answer.json()) as { correlationId: string }
    const found = await waitUntil('the report', () =>
      ingest.received.find(({ event }) => event.tags.correlationId === correlationId),
    )
    expect(found.event).toMatchObject({
      logger: 'api',
      logentry: { formatted: 'request failed' },
      environment: 'test',
    })
    expect(Object.keys(found.event)).not.toEqual(expect.arrayContaining(['breadcrumbs']))
    for (const key of ['breadcrumbs', 'request', 'user', 'server_name', 'contexts', 'modules']) {
      expect(found.event[key]).toBeUndefined()
    }
    expect(await end()).toBe(0)
    expect(ingest.received.map(({ text }) => text).join('')).not.toMatch(/canary|nora\.test/)
    expect(output()).not.toContain('0123456789abcdef')
  } finally {
    await ingest.close()
  }
})

test('without one nothing of it is loaded', async () => {
  const { url, output } = await start({})
  expect((await fail(url)).status).toBe(503)
  await waitUntil('the fault to be logged', () => output().includes('request failed'))
  expect(output()).not.toContain('LOADED')
})
