import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { capabilityPublicKey, hashRequest, signCapability } from '@nora/crypto/capability'
import { gatewayClient } from '@nora/worker/gateway/control-client'
import { type Bench, type BenchContext, median, type Row } from './bench.ts'
import { type Load, load } from './gateway-http/load.ts'

type Part = { port: number; controlPort?: number; cpuMs(): Promise<number> }
type Parts = { gateway: Part; yardstick: Part; apiSeed: Buffer; agentId: string; workspaceId: string }
type Call = { method: 'GET' | 'POST'; path: string; body: Buffer }

const connections = 16
const sizes = [1024, 64 * 1024, 1024 * 1024]
const streamMb = 100

export const gatewayHttp: Bench = {
  name: 'gateway-http',
  about:
    'HTTP through the gateway (own process, signed routes, a capability a call) against @fastify/reply-from in front of the same agent: small JSON >= 0.7x its req/s, 100 MB stream >= 0.9x.',
  deadlineMs: 240_000,
  async run(context) {
    const parts = await arrange(context)
    const runs = context.quick ? 3 : 7
    const small: Call = { method: 'GET', path: '/small', body: Buffer.alloc(0) }
    const rows: Row[] = []
    const add = async (row: Omit<Row, 'unit' | 'ours' | 'runs'>, call: Call, options: TurnOptions) => {
      rows.push(await compare(context, parts, row, call, { ...options, runs }))
    }
    const short = { ms: context.quick ? 400 : 1_200, connections, tokens: 'repeated' } as const
    await add({ name: 'GET small JSON', goal: { atLeast: 0.7 } }, small, short)
    const apart = { ...short, tokens: 'distinct' } as const
    await add({ name: 'GET small JSON, a new capability for each call' }, small, apart)
    for (const size of sizes) {
      const call: Call = { method: 'POST', path: '/echo', body: Buffer.alloc(size, 120) }
      await add({ name: 'POST, echoed', size: `${size / 1024} kB` }, call, short)
    }
    rows.push(slopeOf(rows.slice(-sizes.length), runs))
    const stream: Call = { method: 'GET', path: '/stream', body: Buffer.alloc(0) }
    await add({ name: 'stream of 100 MB', goal: { atLeast: 0.9 } }, stream, {
      ms: 600,
      connections: 1,
      tokens: 'repeated',
      megabytes: streamMb,
    })
    return rows
  },
}

async function arrange({ services, signal }: BenchContext): Promise<Parts> {
  const start = async (...args: string[]): Promise<Part> => {
    const child = fork(fileURLToPath(new URL('./gateway-http/part.ts', import.meta.url)), args)
    services.defer(() => ended(child))
    const [ports] = await once(child, 'message', { signal })
    return { ...ports, cpuMs: () => cpuOf(child, signal) }
  }
  const [apiSeed, workerSeed] = [randomBytes(32), randomBytes(32)]
  const agent = await start('agent')
  const keys = [apiSeed, workerSeed].map((seed) => capabilityPublicKey(seed).toString('hex'))
  const gateway = await start('gateway', ...keys)
  const yardstick = await start('yardstick', `http://127.0.0.1:${agent.port}`)
  const route = { agentId: randomUUID(), workspaceId: randomUUID(), containerId: 'c'.repeat(64) }
  const control = gatewayClient({
    controlUrl: `http://127.0.0.1:${gateway.controlPort}`,
    signingSeed: workerSeed,
  })
  await control.pushRoutes({ revision: 1, routes: [{ ...route, ip: '127.0.0.1', port: agent.port }] }, signal)
  return { gateway, yardstick, apiSeed, ...route }
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit')
  child.disconnect()
  await exit
}

async function cpuOf(child: ChildProcess, signal: AbortSignal): Promise<number> {
  const answer = once(child, 'message', { signal })
  child.send('cpu')
  const [{ cpuUs }] = await answer
  return cpuUs / 1000
}

/** Requests as bytes. Both proxies get the same headers, the yardstick without a capability. */
function bytesOf({ method, path, body }: Call, capability?: string): Buffer {
  const head = [
    `${method} ${path} HTTP/1.1`,
    'host: 127.0.0.1',
    'accept: application/json',
    'user-agent: bench',
    'x-correlation-id: 5b0c7a52-6f0e-4c1f-9f4f-0d5f6c1f7a10',
    ...(method === 'POST'
      ? ['content-type: application/octet-stream', `content-length: ${body.length}`]
      : []),
    ...(capability === undefined ? [] : [`x-nora-capability: ${capability}`]),
  ]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), body])
}

/**
 * The gateway's requests. `repeated`: one capability serves identical calls for some seconds, as the api does it.
 * `distinct`: none is seen twice, made before the turn so that signing is not in it.
 */
function requests(parts: Parts, call: Call, tokens: TurnOptions['tokens'], many: number): () => Buffer {
  const target = `/agents/${parts.agentId}${call.path}`
  const iat = Math.floor(Date.now() / 1000)
  const claims = { aud: 'gateway', op: 'invoke', agent: parts.agentId, workspace: parts.workspaceId } as const
  const made = Array.from({ length: tokens === 'repeated' ? 1 : many }, (_, i) => {
    const bound = { request: hashRequest(call.method, target), sub: `user-${i}`, iat, exp: iat + 30 }
    return bytesOf({ ...call, path: target }, signCapability(parts.apiSeed, { ...claims, ...bound }))
  })
  let at = 0
  return () => made[at++ % made.length] as Buffer
}

type TurnOptions = {
  ms: number
  connections: number
  tokens: 'repeated' | 'distinct'
  /** What one request moves, for a rate in MB/s. */
  megabytes?: number
}

async function compare(
  context: BenchContext,
  parts: Parts,
  row: Omit<Row, 'unit' | 'ours' | 'runs'>,
  call: Call,
  options: TurnOptions & { runs: number },
): Promise<Row> {
  const { signal } = context
  const { ms, connections: at, megabytes = 1 } = options
  const measure = async (part: Part, next: () => Buffer) => {
    const before = await part.cpuMs()
    const done: Load = await load(part.port, { connections: at, ms, next, signal })
    return {
      rate: (done.answered * megabytes) / done.seconds,
      cpu: ((await part.cpuMs()) - before) / done.answered,
    }
  }
  const ours: { rate: number; cpu: number }[] = []
  const theirs: typeof ours = []
  const plain = bytesOf(call)
  // Two turns first that nobody counts: both must have compiled what they run.
  for (let turn = -2; turn < options.runs; turn++) {
    // More than will be used: a capability that came round again would be known.
    const many = Math.ceil((median(theirs.map((one) => one.rate)) || 6_000) * (ms / 1000) * 1.5)
    const here = await measure(parts.gateway, requests(parts, call, options.tokens, many))
    const there = await measure(parts.yardstick, () => plain)
    if (turn < 0) continue
    ours.push(here)
    theirs.push(there)
  }
  const rate = median(ours.map((one) => one.rate))
  const yardstick = median(theirs.map((one) => one.rate))
  const cpuMs = median(ours.map((one) => one.cpu))
  const note = `the yardstick's CPU: ${median(theirs.map((one) => one.cpu)).toFixed(3)} ms`
  context.say(`${row.name} ${row.size ?? ''}: ${rate.toFixed(0)} against ${yardstick.toFixed(0)}`)
  const unit = options.megabytes === undefined ? 'req/s' : 'MB/s'
  return { ...row, unit, ours: rate, yardstick, ratio: rate / yardstick, cpuMs, runs: options.runs, note }
}

/** How the CPU of a call grows with its body: milliseconds a megabyte moved, from the smallest to the largest. */
function slopeOf(rows: Row[], runs: number): Row {
  const [first, last] = [rows[0], rows.at(-1)] as [Row, Row]
  const megabytes = ((sizes.at(-1) ?? 0) - (sizes[0] ?? 0)) / 1024 / 1024
  const slope = ((last.cpuMs ?? 0) - (first.cpuMs ?? 0)) / megabytes
  return {
    name: 'POST, echoed, slope',
    unit: 'ms CPU',
    ours: slope,
    runs,
    note: 'CPU for each further MB, both ways',
  }
}
