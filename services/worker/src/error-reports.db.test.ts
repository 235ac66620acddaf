import { spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { capabilityPublicKey } from '@nora/crypto/capability'
import { startIngest } from '@nora/error-reports/testing/ingest'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { expect, test } from 'vitest'

const database = testDatabase()
const redis = testRedis()

test('with a DSN the worker reports a round that fails, and no secret of its own', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nora-worker-reports-'))
  const ingest = await startIngest()
  const key = randomBytes(32).toString('hex')
  const child = spawn(process.execPath, [fileURLToPath(new URL('main.ts', import.meta.url))], {
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'test',
      DATABASE_URL: database.workerUrl,
      REDIS_URL: redis.url,
      SENTRY_DSN: ingest.dsn,
      ENCRYPTION_KEY: key,
      NORA_CAPABILITY_PUBLIC_KEY: capabilityPublicKey(randomBytes(32)).toString('base64url'),
      NORA_INSTALLATION_ID: randomUUID(),
      NORA_WORKER_PORT: '0',
      // No engine is there: looking at it fails.
      DOCKER_HOST: `unix://${join(folder, 'no-engine.sock')}`,
      NORA_HOST_GUARD: 'off',
      NORA_KEYS_DIR: join(folder, 'keys'),
      NORA_DATA_DIR: join(folder, 'data'),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
    })
  }
  try {
    const found = await waitUntil('a report', () => ingest.received.find(({ event }) => event.tags.loop), {
      deadlineMs: 90_000,
    })
    expect(found.event).toMatchObject({
      logger: 'worker',
      logentry: { formatted: 'a round of the loop failed' },
    })
    const exit = once(child, 'exit', { signal: AbortSignal.timeout(60_000) })
    child.kill('SIGTERM')
    expect(await exit).toEqual([0, null])
    const password = new URL(database.workerUrl).password
    for (const secret of [key, password]) {
      expect(ingest.received.map(({ text }) => text).join('')).not.toContain(secret)
      expect(output).not.toContain(secret)
    }
  } finally {
    child.kill('SIGKILL')
    await ingest.close()
    await rm(folder, { recursive: true, force: true })
  }
}, 180_000)
