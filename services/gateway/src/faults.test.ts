import { capabilityPublicKey, hashBody } from '@nora/crypto/capability'
import { expect, onTestFinished, test } from 'vitest'
import { faultLog } from './faults.ts'
import { startGateway } from './gateway.ts'
import { token } from './testing/gateway-fixture.ts'

test('a fault is answered with a code, and told to the worker without the error’s words', async () => {
  const lines: string[] = []
  const running = await startGateway({
    controlAddress: '127.0.0.1',
    controlPort: 0,
    invokePort: 0,
    capabilityKey: capabilityPublicKey(Buffer.alloc(32, 7)),
    controlKey: capabilityPublicKey(Buffer.alloc(32, 8)),
    allow: () => null,
    acceptPeer: () => true,
    log: (_level, msg, fields) => {
      if (msg === 'routes set') throw new RangeError('a canary of the request')
      lines.push(`${msg} ${JSON.stringify(fields)}`)
    },
  })
  onTestFinished(() => running.stop(0))
  const control = (op: string, text = '') => {
    const [method = '', path = ''] = op.split(' ')
    const headers = { 'x-nora-capability': token('gateway-control', op, { bodySha256: hashBody(text) }) }
    return fetch(`http://127.0.0.1:${running.controlPort}${path}`, {
      method,
      headers,
      ...(text && { body: text }),
    })
  }
  const before = (await (await control('GET /status')).json()) as { faults: unknown }
  expect(before.faults).toEqual({ count: 0, last: null })
  const answer = await control('PUT /routes', JSON.stringify({ revision: 1, routes: [] }))
  expect(answer.status).toBe(502)
  const body = (await answer.json()) as object
  expect(Object.keys(body).sort()).toEqual(['code', 'status', 'title', 'type'])
  expect(`${JSON.stringify(body)} ${[...answer.headers]}`).not.toMatch(/canary|RangeError/)
  const { faults } = (await (await control('GET /status')).json()) as {
    faults: { count: number; last: { name: string; stack: string } }
  }
  expect(faults.count).toBe(1)
  expect(faults.last.name).toBe('RangeError')
  expect(faults.last.stack).toContain('control.ts')
  expect(JSON.stringify(faults) + lines.join('')).not.toContain('canary')
})

test('what is thrown may be anything', () => {
  const faults = faultLog()
  for (const odd of [
    'text',
    null,
    undefined,
    Object.assign(new Error('x'), { name: 'a b\nc' }),
    Object.assign(new Error('canary\n    at canary'), { stack: 7 }),
  ]) {
    expect(() => faults.note(odd)).not.toThrow()
  }
  expect(faults.told()).toMatchObject({ count: 5, last: { name: 'Error', stack: '' } })
  faults.note(new Error('canary\n    at canary (/a.ts:1:1)'))
  expect(faults.told().last?.stack).toContain('faults.test.ts')
  expect(faults.told().last?.stack).not.toContain('canary')
})
