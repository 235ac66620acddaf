import { randomBytes, randomUUID } from 'node:crypto'
import { PassThrough, Readable } from 'node:stream'
import { capabilityPublicKey, hashRequest, signCapability } from '@nora/crypto/capability'
import { freePool } from '@nora/testing/address-pool'
import { waitUntil } from '@nora/testing/wait-until'
import Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { label } from '../backends/docker/names.ts'
import { assembleImage } from '../images/assemble.ts'
import { agentNetwork } from '../reconcile/addresses.ts'
import { gatewayClient } from './control-client.ts'
import { type GatewaySettings, gatewaySpec } from './gateway-spec.ts'
import { attachGateway, detachGateway, ensureGateway, type RunningGateway, removeGateway } from './keeper.ts'

const docker = new Docker()
const installation = randomUUID()
const signal = AbortSignal.timeout(900_000)
const apiSeed = randomBytes(32)
const workerSeed = randomBytes(32)
const agentId = randomUUID()
const workspaceId = randomUUID()
const networkName = `nora-${installation.slice(0, 8)}-net-${agentId}`
const labels = { [label.installation]: installation }

let settings: GatewaySettings
let gateway: RunningGateway
let addresses: ReturnType<typeof agentNetwork>
let agent: Docker.Container

// What an agent does is written here and not in our sources: it echoes, streams, and answers its probe.
const PROGRAM = `
require('http').createServer((q, s) => {
  if (q.url === '/healthz') return s.end('{"status":"ok"}')
  if (q.url === '/events') {
    s.writeHead(200, {'content-type': 'text/event-stream'})
    let n = 0
    const t = setInterval(() => s.write('data: ' + n++ + '\\n\\n'), 20)
    return s.on('close', () => clearInterval(t))
  }
  q.pipe(s)
}).listen(8080)`

beforeAll(async () => {
  const pool = freePool()
  settings = {
    installation,
    index: 0,
    dial: 'published',
    pool,
    capabilityPublicKey: capabilityPublicKey(apiSeed).toString('base64url'),
    controlPublicKey: capabilityPublicKey(workerSeed).toString('base64url'),
    image: await assembleImage(docker, 'gateway', signal),
  }
  addresses = agentNetwork(pool, 2)
  gateway = await ensureGateway(docker, settings, signal)
  await docker.createNetwork({
    Name: networkName,
    IPAM: { Driver: 'default', Config: [{ Subnet: addresses.subnet, Gateway: addresses.bridge }] },
    Labels: labels,
  })
  const { reference } = await assembleImage(docker, 'starter-agent', signal)
  agent = await docker.createContainer({
    Image: reference,
    Cmd: ['/bin/node', '-e', PROGRAM],
    Labels: labels,
    HostConfig: { NetworkMode: networkName, Init: true, CapDrop: ['ALL'], ReadonlyRootfs: true },
    NetworkingConfig: {
      EndpointsConfig: { [networkName]: { IPAMConfig: { IPv4Address: addresses.agent } } },
    },
  } as Docker.ContainerCreateOptions)
  await agent.start()
  await serve()
})

afterAll(async () => {
  const filters = { label: [`${label.installation}=${installation}`] }
  for (const { Id } of await docker.listContainers({ all: true, filters })) {
    await docker.getContainer(Id).remove({ force: true, v: true })
  }
  for (const { Id } of await docker.listNetworks({ filters })) await docker.getNetwork(Id).remove()
})

const client = () => gatewayClient({ controlUrl: gateway.controlUrl, signingSeed: workerSeed })

/** What a worker does after a gateway was made: wait for it, attach it, push every route. */
async function serve(): Promise<void> {
  await client().ready(90_000, signal)
  await attachGateway(docker, gateway, networkName, addresses.gateway, signal)
  const routes = [{ agentId, workspaceId, containerId: agent.id, ip: addresses.agent, port: 8080 }]
  await client().pushRoutes({ revision: 1, routes }, signal)
  await waitUntil('the agent to answer its probe', async () => {
    const answer = await client().probe({ agentId, path: '/healthz', timeoutMs: 2_000 }, signal)
    return 'status' in answer && answer.body === '{"status":"ok"}'
  })
}

function invoke(path: string, init: RequestInit & { duplex?: 'half' } = {}): Promise<Response> {
  const iat = Math.floor(Date.now() / 1000)
  const request = hashRequest(init.method ?? 'GET', `/agents/${agentId}${path}`)
  const bound = { agent: agentId, workspace: workspaceId, request }
  const claims = { aud: 'gateway', op: 'invoke', sub: 't', iat, exp: iat + 30, ...bound } as const
  const capability = signCapability(apiSeed, claims)
  const headers = { 'x-nora-capability': capability }
  return fetch(`${gateway.invokeUrl}/agents/${agentId}${path}`, { ...init, headers, signal })
}

async function inside(container: Docker.Container, argv: string[]): Promise<string> {
  const exec = await container.exec({ Cmd: argv, AttachStdout: true, AttachStderr: true })
  const stream = await exec.start({ hijack: true, stdin: false })
  const out = new PassThrough()
  docker.modem.demuxStream(stream, out, out)
  stream.on('end', () => out.end())
  let text = ''
  for await (const chunk of out) text += String(chunk)
  return text.trim()
}

test('the built image serves: JSON and events through it', async () => {
  expect(await (await invoke('/echo', { method: 'POST', body: '{"a":1}' })).text()).toBe('{"a":1}')
  const events = await invoke('/events')
  const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader()
  let seen = ''
  while (!seen.includes('data: 3')) seen += (await reader.read()).value
  await reader.cancel()
  expect(seen).toContain('data: 0\n\ndata: 1\n\n')
})

test('memory does not grow with the size of a body', async () => {
  const chunk = Buffer.alloc(256 * 1024, 'x')
  const echo = async (megabytes: number) => {
    const chunks = Array.from({ length: megabytes * 4 }, () => chunk)
    const body = Readable.toWeb(Readable.from(chunks)) as ReadableStream<Uint8Array>
    const res = await invoke('/echo', { method: 'POST', body, duplex: 'half' })
    let received = 0
    for await (const part of res.body!) received += part.length
    expect(received).toBe(megabytes * 1024 * 1024)
    const script =
      'for p in /proc/[0-9]*; do while read k v u; do [ "$k" = VmHWM: ] && echo $v; done < $p/status; done'
    const peaks = await inside(docker.getContainer(gateway.containerId), ['/bin/sh', '-c', script])
    return Math.max(...peaks.split(/\s+/).map(Number)) / 1024
  }
  const first = await echo(100)
  // The container has 256 in all.
  expect((await echo(400)) - first).toBeLessThan(100)
})

test('a running gateway is adopted, attaching twice is once, and a dead one is made anew and served again', async () => {
  const again = await ensureGateway(docker, settings, signal)
  expect(again).toEqual({ ...gateway, created: false })
  await attachGateway(docker, gateway, networkName, addresses.gateway, signal)

  await docker.getContainer(gateway.containerId).kill()
  const dead = gateway
  gateway = await ensureGateway(docker, settings, signal)
  expect(gateway.created).toBe(true)
  expect(gateway.containerId).not.toBe(dead.containerId)
  await client().ready(90_000, signal)
  expect(await client().status(signal)).toMatchObject({ revision: 0, routes: 0 })
  expect((await invoke('/healthz')).status).toBe(404)
  await serve()
  expect(await (await invoke('/healthz')).text()).toBe('{"status":"ok"}')
})

test('two workers at once make one gateway', async () => {
  const second = { ...settings, index: 1 }
  const [a, b] = await Promise.all([
    ensureGateway(docker, second, signal),
    ensureGateway(docker, second, signal),
  ])
  expect(a.containerId).toBe(b.containerId)
  await removeGateway(docker, { name: a.name, installation }, signal)
})

test('a stranger with our name is left alone', async () => {
  const spec = gatewaySpec({ ...settings, index: 2 })
  const stranger = await docker.createContainer({ name: spec.name, Image: settings.image.id })
  try {
    const refused = ensureGateway(docker, { ...settings, index: 2 }, signal)
    await expect(refused).rejects.toMatchObject({ code: 'name-taken', retry: false })
    await removeGateway(docker, { name: spec.name, installation }, signal)
    expect((await stranger.inspect()).State.Status).toBe('created')
  } finally {
    await stranger.remove()
  }
})

test('an agent finds no listener of the gateway, on no address', async () => {
  const ask = (host: string, port: number) => `
    const s = require('net').connect(${port}, '${host}')
    s.setTimeout(1500, () => s.destroy(Object.assign(new Error(), {code: 'no answer'})))
    s.on('connect', () => s.write('GET /status HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n'))
    s.on('data', () => { console.log('ANSWERED'); process.exit() })
    s.on('error', (e) => console.log(e.code)).on('close', () => console.log('closed'))`
  for (const host of [addresses.gateway, gateway.controlAddress]) {
    for (const port of [7081, 7082]) {
      // The engine lifts its isolation for a moment whenever it makes a network, as other tests do beside this one.
      await waitUntil(`nobody to answer at ${host}:${port}`, async () => {
        const said = await inside(agent, ['/bin/node', '-e', ask(host, port)])
        expect(said).toMatch(/ECONNREFUSED|no answer|EHOSTUNREACH|^closed/)
        return !said.includes('ANSWERED')
      })
    }
  }
})

test('inside, the gateway forwards nothing, writes nowhere and has no capability', async () => {
  const script = `read f < /proc/sys/net/ipv4/ip_forward; echo forward=$f
    (echo > /x) 2>/dev/null && echo writable
    while read k v; do case $k in Uid:|CapEff:|NoNewPrivs:) echo $k$v;; esac; done < /proc/self/status`
  const said = await inside(docker.getContainer(gateway.containerId), ['/bin/sh', '-c', script])
  expect(said.replaceAll('\t', ' ').split('\n')).toEqual([
    'forward=0',
    'Uid:10001 10001 10001 10001',
    'CapEff:0000000000000000',
    'NoNewPrivs:1',
  ])
})

test('detaching is for good, twice is once, and then the agent is out of reach', async () => {
  await detachGateway(docker, gateway, networkName, signal)
  await detachGateway(docker, gateway, networkName, signal)
  const { NetworkSettings } = await docker.getContainer(gateway.containerId).inspect()
  expect(Object.keys(NetworkSettings.Networks)).not.toContain(networkName)
  // As above.
  await waitUntil('the agent to be out of reach', async () => {
    const answer = await client().probe({ agentId, path: '/healthz', timeoutMs: 1_000 }, signal)
    return 'error' in answer
  })
  const nowhere = attachGateway(docker, gateway, `${networkName}-none`, addresses.gateway, signal)
  await expect(nowhere).rejects.toMatchObject({ code: 'not-found' })
})

test('only the worker that holds the seed is heard', async () => {
  const stranger = gatewayClient({ controlUrl: gateway.controlUrl, signingSeed: apiSeed })
  await expect(stranger.status(signal)).rejects.toMatchObject({
    code: 'capability-invalid',
    status: 401,
    retry: false,
  })
  const older = client().pushRoutes({ revision: 0, routes: [] }, signal)
  await expect(older).rejects.toMatchObject({ code: 'routes-stale', status: 409 })
  const metadata = { agentId, workspaceId, containerId: agent.id, ip: '169.254.169.254', port: 80 }
  const pushed = client().pushRoutes({ revision: 9, routes: [metadata] }, signal)
  await expect(pushed).rejects.toMatchObject({
    code: 'routes-invalid',
    message: expect.stringContaining('outside the agent pool'),
  })
})
