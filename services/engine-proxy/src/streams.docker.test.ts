import { once } from 'node:events'
import { statSync } from 'node:fs'
import { createConnection, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { createLogger } from '@nora/log/logger'
import { waitUntil } from '@nora/testing/wait-until'
import { engineProxy } from '@nora/worker/testing/engine-proxy'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { answers } from './check.ts'
import { openProxy } from './open-proxy.ts'
import { ask } from './testing/ask.ts'
import { stage } from './testing/stage.ts'
import { engineSocket } from './testing/through-proxy.ts'

let it: Awaited<ReturnType<typeof stage>>
const closing: (() => unknown)[] = []
beforeAll(async () => {
  it = await stage()
}, 240_000)
afterAll(async () => {
  for (const close of closing.reverse()) await close()
  await it?.close()
})

const quiet = createLogger({ service: 'engine-proxy', level: 'silent' })

/** Another proxy for the same installation, before a way to the engine that the test holds. */
async function before(engine: string, name: string) {
  const { facts, folder } = it
  const proxySocket = join(folder, `${name}.sock`)
  const proxy = await openProxy(
    {
      ...{ installationId: facts.installation, agentNetworkPool: facts.pool, keysDir: facts.keysDir },
      ...{ gatewayImage: undefined, engineSocket: engine, proxySocket },
    },
    quiet,
  )
  closing.push(() => proxy.stop())
  return proxySocket
}

async function terminal(Cmd: string[], Tty = true): Promise<Duplex> {
  const container = it.through.getContainer(it.agentId)
  const exec = await container.exec({ Cmd, Tty, AttachStdin: true, AttachStdout: true, AttachStderr: true })
  return exec.start({ hijack: true, stdin: true, Tty })
}

async function all(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(stream, 'end')
  return Buffer.concat(chunks)
}

/** What is said to bytes as they are. */
async function raw(socketPath: string, text: string): Promise<string> {
  const socket = createConnection(socketPath)
  socket.write(text)
  let said = ''
  socket.on('data', (chunk) => {
    said += String(chunk)
  })
  socket.setTimeout(60_000, () => socket.destroy())
  await once(socket, 'close')
  return said
}

test('a terminal is typed into and read; its end comes through either way', async () => {
  const shell = await terminal(['/bin/sh'])
  const said = all(shell)
  shell.write('echo $((6 * 7)); exit\n')
  expect(String(await said)).toContain('42')

  const cat = await terminal(['/bin/cat'], false)
  const echoed = all(cat)
  cat.write('one\n')
  cat.end('two\n')
  expect(String(await echoed)).toMatch(/one\n.*two\n/s)
})

test('much output waits for a slow reader, and none is lost', async () => {
  const [much, last] = ['head -c 30000000 /dev/zero', 'head -c 30000001 /dev/zero']
  const read = async (stream: Duplex) => {
    let size = 0
    for await (const chunk of stream as AsyncIterable<Buffer>) size += chunk.length
    return size
  }
  const slow = await terminal(['/bin/sh', '-c', `${last}; true`], true)
  slow.pause()
  const runs = async () => {
    const { Processes } = await it.docker.getContainer(it.agentId).top({ ps_args: '-eo pid,args' })
    return (Processes as string[][]).some(([, args]) => args === last)
  }
  await waitUntil('it to print', runs)
  // Others are given as much meanwhile: with nothing to hold it back, this one would have printed all by then.
  for (let n = 0; n < 2; n++)
    expect(await read(await terminal(['/bin/sh', '-c', much], true))).toBe(30_000_000)
  expect(await runs(), 'it waits').toBe(true)
  expect(await read(slow)).toBe(30_000_001)
})

test('a hundred logs are followed at once, and whoever leaves takes the engine’s side along', async () => {
  let open = 0
  const way = join(it.folder, 'counted.sock')
  const relay = createServer((client: Socket) => {
    const engine = createConnection(engineSocket)
    open++
    client.pipe(engine).pipe(client)
    for (const one of [client, engine]) one.on('error', () => one.destroy())
    client.on('close', () => engine.destroy())
    engine.on('close', () => {
      client.destroy()
      open--
    })
  })
  await once(relay.listen(way), 'listening')
  closing.push(() => relay.close())
  const socketPath = await before(way, 'counting')
  const path = `/containers/${it.agentId}/logs?stdout=1&stderr=1&follow=1`
  const followers = Array.from({ length: 100 }, () => {
    const socket = createConnection(socketPath)
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
    return socket
  })
  await Promise.all(followers.map((socket) => once(socket, 'data')))
  await waitUntil('a hundred streams', () => open === 100)
  for (const socket of followers) socket.destroy()
  await waitUntil('none', () => open === 0)
})

test('an engine that goes is said to be away, in words, and taken up again when it is back', async () => {
  const engine = await engineProxy(join(it.folder, 'cut.sock'))
  closing.push(() => engine.close())
  const socketPath = await before(join(it.folder, 'cut.sock'), 'behind-cut')
  expect(await answers(socketPath)).toBe(true)
  const follower = createConnection(socketPath)
  follower.write(`GET /containers/${it.agentId}/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: x\r\n\r\n`)
  await once(follower, 'data')
  const ended = once(follower, 'close')
  await engine.cut()
  await ended
  for (const path of ['/_ping', `/containers/${it.agentId}/json`]) {
    expect(await ask(socketPath, 'GET', path)).toMatchObject({
      status: 503,
      message: 'The Docker Engine does not answer.',
    })
  }
  expect(await answers(socketPath)).toBe(false)
  await engine.mend()
  expect(await answers(socketPath)).toBe(true)
})

test('requests that could be read in two ways, are too large or want another protocol end here', async () => {
  const { socketPath } = it.way
  const { refused } = it.way.proxy.counts()
  const smuggled = 'GET /info HTTP/1.1\r\nHost: x\r\n\r\n'
  const both = `POST /networks/create HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`
  expect(await raw(socketPath, both)).toMatch(/^HTTP\/1\.1 400/)
  for (const odd of [
    'Transfer-Encoding: x, chunked',
    'Transfer-Encoding : chunked',
    'Content-Length: 1\r\nContent-Length: 2',
    'Content-Length: +1',
  ]) {
    expect(await raw(socketPath, `POST /networks/create HTTP/1.1\r\nHost: x\r\n${odd}\r\n\r\n`), odd).toMatch(
      /^HTTP\/1\.1 40[03]|^$/,
    )
  }
  const upgrade = 'Host: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n'
  expect(await raw(socketPath, `GET /_ping HTTP/1.1\r\n${upgrade}\r\n`)).toMatch(/^HTTP\/1\.1 403/)
  expect(
    await raw(socketPath, `POST /containers/${it.agentId}/attach?stream=1 HTTP/1.1\r\n${upgrade}\r\n`),
  ).toMatch(/^HTTP\/1\.1 403/)
  const start = `POST /exec/${'0'.repeat(64)}/start HTTP/1.1\r\n${upgrade}`
  expect(await raw(socketPath, `${start}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`)).toMatch(
    /^HTTP\/1\.1 400/,
  )
  expect(await raw(socketPath, `${start}Content-Length: 99999999\r\n\r\n`)).toMatch(/^HTTP\/1\.1 413/)
  expect(await raw(socketPath, `${start}Content-Length: 2\r\n\r\n{}${smuggled}`)).toMatch(
    /^HTTP\/1\.1 404[\s\S]*No such exec/,
  )
  const large = { X: 'a'.repeat(1024 * 1024) }
  expect(await it.call('POST', '/networks/create', large)).toMatchObject({ status: 413 })
  expect(await it.call('POST', '/networks/create', '{"Name":')).toMatchObject({ status: 400 })
  expect(it.way.proxy.counts().refused).toBeGreaterThan(refused)
  expect(it.way.lines.at(-1)).toMatch(/"reason":"the body is no JSON","refused":\d+/)
  expect((await it.call('GET', '/_ping')).status).toBe(200)
})

test('its socket is its owner’s and its group’s', () => {
  const { mode } = statSync(it.way.socketPath)
  expect(mode & 0o777).toBe(0o660)
})
