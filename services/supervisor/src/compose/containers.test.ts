import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { isWell, type StackContainer, stackServices, statusOf } from './containers.ts'

const container = (service: string, state: Partial<StackContainer['State']>): StackContainer => ({
  ...{ Id: 'abc', RestartCount: 2, Config: { Labels: { 'com.docker.compose.service': service } } },
  State: {
    ...{ Status: 'running', Running: true, Pid: 7, ExitCode: 0, Error: '' },
    ...{ StartedAt: '2026-01-01T00:00:00Z', FinishedAt: '2026-01-02T00:00:00Z', ...state },
  },
})

test('the services that are looked after are those of docker-compose.yml', async () => {
  const text = await readFile(new URL('../../../../docker-compose.yml', import.meta.url), 'utf8')
  const services = text.slice(text.indexOf('\nservices:'), text.indexOf('\nvolumes:'))
  const named = [...services.matchAll(/^ {2}([a-z-]+):$/gm)].map(([, name]) => name)
  expect(named.sort()).toEqual([...stackServices].sort())
})

test('a container that is healthy is well, and one that is not says why', () => {
  const healthy = statusOf(container('api', { Health: { Status: 'healthy' } }))
  expect(healthy).toEqual({
    ...{
      name: 'api',
      state: 'running',
      pid: 7,
      restarts: 2,
      since: '2026-01-01T00:00:00Z',
      reason: 'healthy',
    },
  })
  expect(isWell(healthy)).toBe(true)
  const log = [{ End: '', Output: 'connection refused\n' }]
  const ill = statusOf(container('api', { Health: { Status: 'unhealthy', Log: log } }))
  expect([ill.reason, isWell(ill)]).toEqual(['unhealthy: connection refused', false])
  const starting = statusOf(container('api', { Health: { Status: 'starting' } }))
  expect([starting.state, isWell(starting)]).toEqual(['starting', false])
})

test('a container that ended is well only when it was to end', () => {
  const ended = { Running: false, Status: 'exited' }
  const done = statusOf(container('migrate', ended))
  expect([done.state, done.reason, done.since, isWell(done)]).toEqual([
    ...['stopped', 'has done its work', '2026-01-02T00:00:00Z', true],
  ])
  expect(isWell(statusOf(container('migrate', { ...ended, ExitCode: 1 })))).toBe(false)
  const api = statusOf(container('api', { ...ended, ExitCode: 137, Error: 'oom' }))
  expect([api.reason, isWell(api)]).toEqual(['ended with 137: oom', false])
})
