import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { waitUntil } from '@nora/testing/wait-until'
import { expect, onTestFinished, test } from 'vitest'
import { agentId, echo, gateway, invokeToken, listen, raw } from './testing/gateway-fixture.ts'

// The limits of both listeners, met before anybody has shown a capability.

async function open(port: number): Promise<{ socket: Socket; said: () => string; closed: () => boolean }> {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  let closed = false
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.on('close', () => {
    closed = true
  })
  await once(socket, 'connect')
  socket.on('error', () => undefined)
  onTestFinished(() => void socket.destroy())
  return { socket, said: () => text, closed: () => closed }
}

test('more headers than are looked at are refused, not overlooked', async () => {
  const seen: string[] = []
  const agent = await listen((req, res) => {
    req.resume().once('end', () => {
      seen.push(`${req.method} ${req.url}`)
      res.end('ok')
    })
  })
  const it = await gateway()
  await it.push(it.route(agent.port))
  const filler = Array.from({ length: 150 }, (_, n) => `x-${n}: 1`)
  // The framing stands behind very many headers: whoever reads only those passes on what looks like no body at all.
  const hidden = `DELETE /smuggled HTTP/1.1\r\nhost: x\r\n\r\n`
  const body = `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`
  const head = [
    `POST /agents/${agentId}/first HTTP/1.1`,
    'host: x',
    `x-nora-capability: ${invokeToken('POST /first')}`,
    ...filler,
    'transfer-encoding: chunked',
    'connection: close',
  ]
  const answer = await raw(it.invokePort, `${head.join('\r\n')}\r\n\r\n${body}`)
  expect(answer).toMatch(/^HTTP\/1\.1 431 /)
  expect(answer).toContain('"code":"headers-too-many"')
  expect((await it.invoke('/later')).status).toBe(200)
  expect(seen).toEqual(['GET /later'])
})

test.each(['controlPort', 'invokePort'] as const)(
  'whoever says nothing, or says it byte by byte, is cut off at %s while others are served',
  async (door) => {
    const agent = await echo()
    const it = await gateway({}, { headMs: 1_000, checkMs: 100 })
    await it.push(it.route(agent.port))
    const slow = await Promise.all(Array.from({ length: 30 }, () => open(it[door])))
    for (const { socket } of slow.slice(1)) {
      socket.write('GET /status HTTP/1.1\r\nhost: x\r\nx: ')
      const timer = setInterval(() => socket.writable && socket.write('x'), 20)
      onTestFinished(() => clearInterval(timer))
    }
    // Asked again when this process stood still in the middle of a call and cut that off, too.
    await waitUntil('others to be served', async () => (await it.control('GET /status')).status === 200)
    await waitUntil('others to be served', async () => (await it.invoke('/')).status === 200)
    await waitUntil('all of them to be closed', () => slow.every(({ closed }) => closed()))
    for (const { said } of slow) expect(said()).toMatch(/^HTTP\/1\.1 408 /)
    await waitUntil('it to go on', async () => (await it.control('GET /status')).status === 200)
  },
)

test('a body for the control door that trickles is cut off', async () => {
  const it = await gateway({}, { headMs: 1_000, checkMs: 100 })
  const { socket, closed } = await open(it.controlPort)
  socket.write('PUT /routes HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n')
  const timer = setInterval(() => socket.writable && socket.write('x'), 20)
  onTestFinished(() => clearInterval(timer))
  await waitUntil('it to be closed', closed)
})

test('connections beyond the limit of a door are closed, and its neighbour serves', async () => {
  const it = await gateway({}, { invokeConnections: 3 })
  const kept = [await open(it.invokePort), await open(it.invokePort), await open(it.invokePort)]
  const more = await open(it.invokePort)
  await waitUntil('it to be closed', more.closed)
  expect(more.said()).toBe('')
  expect(kept.map(({ closed }) => closed())).toEqual([false, false, false])
  expect((await it.control('GET /status')).status).toBe(200)
  kept[0]!.socket.destroy()
  await waitUntil(
    'a place',
    async () => (await raw(it.invokePort, 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')) !== '',
  )
})

test.each([
  ['headers of 33 KiB', `GET /status HTTP/1.1\r\nhost: x\r\na: ${'x'.repeat(33 * 1024)}\r\n\r\n`, 431],
  ['no Host', 'GET /status HTTP/1.1\r\n\r\n', 400],
  ['LF alone', 'GET /status HTTP/1.1\nhost: x\n\n', 400],
  ['no HTTP', 'nonsense\r\n\r\n', 400],
])('%s is refused at both doors', async (_, bytes, status) => {
  const it = await gateway()
  for (const port of [it.controlPort, it.invokePort]) {
    expect(await raw(port, bytes)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
  }
})
