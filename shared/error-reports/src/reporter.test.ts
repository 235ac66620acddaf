import { parseDsn } from '@nora/config/error-reports'
import { waitUntil } from '@nora/testing/wait-until'
import { afterEach, expect, test } from 'vitest'
import { createReporter, type ReporterOptions } from './reporter.ts'
import { startIngest } from './testing/ingest.ts'

const line = (n: number | string) =>
  JSON.stringify({ level: 'error', time: '2026-01-02T03:04:05.000Z', service: 'api', msg: `failure ${n}` })

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

async function reporting(answer?: () => number | 'never', times: ReporterOptions['times'] = {}) {
  const ingest = await startIngest(answer)
  open.push(ingest)
  const lost: string[] = []
  const reporter = createReporter({
    to: parseDsn(ingest.dsn)!,
    environment: 'test',
    onLost: (reason) => void lost.push(reason),
    // Patient where a test does not say otherwise: a machine that stands still loses no report.
    times: { send: 60_000, ...times },
  })
  return { ingest, reporter, lost }
}

test('an error arrives as an envelope of one event, with the public key and nothing of the process', async () => {
  const { ingest, reporter } = await reporting()
  reporter.report(line(1))
  await reporter.flush(60_000)
  expect(reporter.counts()).toEqual({ sent: 1, heldBack: 0, lost: 0 })
  const [{ path, headers, header, item, event, text }] = ingest.received as [(typeof ingest.received)[0]]
  expect(path).toBe('/api/42/envelope/')
  expect(headers['content-type']).toBe('application/x-sentry-envelope')
  expect(headers['x-sentry-auth']).toBe(
    'Sentry sentry_version=7, sentry_client=nora/1, sentry_key=0123456789abcdef0123456789abcdef',
  )
  expect(headers.cookie).toBeUndefined()
  expect(header.event_id).toBe(event.event_id)
  expect(item).toEqual({
    type: 'event',
    content_type: 'application/json',
    length: Buffer.byteLength(text.split('\n')[2]!),
  })
  expect(event.logentry).toEqual({ formatted: 'failure 1' })
})

test('a secret is held back', async () => {
  const { ingest, reporter } = await reporting()
  reporter.report(JSON.stringify({ level: 'error', service: 'api', msg: 'x', token: '[redacted]' }))
  reporter.report(line('sk-canary0123456789abcdef'))
  reporter.report(line('after'))
  await reporter.flush(60_000)
  expect(reporter.counts()).toEqual({ sent: 1, heldBack: 2, lost: 0 })
  expect(ingest.received.map(({ text }) => text).join('')).not.toContain('canary')
})

test('a server that does not answer costs one deadline, and then a pause; nothing waits for it', async () => {
  const { ingest, reporter, lost } = await reporting(() => 'never', { send: 1_000, pause: 3_600_000 })
  for (let n = 0; n < 20; n++) reporter.report(line(n))
  // `report` is not waited for; the first is on its way, and is the only one that ever is.
  expect(reporter.counts()).toEqual({ sent: 0, heldBack: 0, lost: 0 })
  await reporter.flush(60_000)
  expect(ingest.received.length).toBeLessThanOrEqual(1)
  expect(reporter.counts()).toEqual({ sent: 0, heldBack: 0, lost: 20 })
  expect(lost).toEqual(['it did not answer in time'])
})

test('a server that asks for less is left alone for a while', async () => {
  let status = 429
  const { ingest, reporter, lost } = await reporting(() => status, { pause: 300 })
  reporter.report(line(1))
  reporter.report(line(2))
  await reporter.flush(60_000)
  expect(ingest.received).toHaveLength(1)
  expect(lost).toEqual(['the server answered 429'])
  status = 200
  await waitUntil('the pause to end', async () => {
    reporter.report(line(3))
    await reporter.flush(60_000)
    return reporter.counts().sent > 0
  })
})

test('no redirect is followed', async () => {
  const { ingest, reporter } = await reporting(() => 302)
  reporter.report(line(1))
  await reporter.flush(60_000)
  expect(ingest.received).toHaveLength(1)
  expect(reporter.counts()).toEqual({ sent: 0, heldBack: 0, lost: 1 })
})

test('a flood is bounded: so many wait, so many go in a minute', async () => {
  const { ingest, reporter } = await reporting()
  for (let n = 0; n < 1_000; n++) reporter.report(line(n))
  await reporter.flush(60_000)
  const { sent, lost } = reporter.counts()
  expect(sent).toBe(ingest.received.length)
  expect(sent).toBeGreaterThan(20)
  expect(sent).toBeLessThanOrEqual(60)
  expect(sent + lost).toBe(1_000)
})

test('flush does not wait longer than it is told', async () => {
  const { reporter } = await reporting(() => 'never', { send: 60_000 })
  reporter.report(line(1))
  const began = performance.now()
  await reporter.flush(100)
  expect(performance.now() - began).toBeLessThan(40_000)
})
