import { freePort } from '@nora/embedded/free-port'
import type { TestDatabase } from '@nora/testing/clone-database'
import type { ApiUnderTest } from './api-under-test.ts'
import { type BenchContext, median, type Row } from './bench.ts'
import { type Load, load } from './http-load.ts'
import { type MeasuredProcess, measuredProcess, untilReady } from './measured-process.ts'

export type Yardstick = { url: string; process: MeasuredProcess }

/** The plain Fastify of yardstick-server.ts on the same rows. */
export async function yardstickServer(
  { services, signal }: BenchContext,
  database: TestDatabase,
  workspaceId: string,
): Promise<Yardstick> {
  const port = await freePort()
  const process = await measuredProcess(services, 'bench/yardstick-server.ts', {
    NODE_ENV: 'production',
    DATABASE_URL: database.superuserUrl,
    WORKSPACE: workspaceId,
    PORT: String(port),
  })
  const url = `http://127.0.0.1:${port}`
  await untilReady(`${url}/keys`, signal)
  return { url, process }
}

const connections = 16
// Node goes on compiling what is called often for ten thousand requests and more: after 1.5 s (1,000 requests for a list of 50) a
// request still takes half as much CPU again as after 20 s, and 6 to 16 % of it is the compiler's. A server that runs for days has that
// behind it. Whoever has served so many is warm for other sizes and routes, too.
const warmAfter = 20_000
const mostWarmingMs = 45_000
const served = new WeakMap<MeasuredProcess, number>()

/** Requests a second and CPU a request of a route of ours and of its yardstick, in turns. */
export async function measureRoute(
  context: BenchContext,
  api: ApiUnderTest,
  yardstick: Yardstick,
  paths: { ours: string; yardstick: string },
): Promise<Pick<Row, 'unit' | 'ours' | 'yardstick' | 'ratio' | 'cpuMs' | 'yardstickCpuMs' | 'runs'>> {
  const turns = context.quick ? 3 : 9
  const turn = async (process: MeasuredProcess, url: string, headers: Record<string, string>, ms: number) => {
    const before = await process.cpuMs()
    const found = await load(new URL(url), headers, { connections, ms, signal: context.signal })
    return { ...found, cpuMs: ((await process.cpuMs()) - before) / found.requests }
  }
  const ours = (ms: number) => turn(api.process, `${api.url}${paths.ours}`, api.headers, ms)
  const theirs = (ms: number) => turn(yardstick.process, `${yardstick.url}${paths.yardstick}`, {}, ms)
  // Compiled code and plans first: neither side is measured cold.
  const warm = async (process: MeasuredProcess, more: typeof ours) => {
    const end = performance.now() + (context.quick ? 10_000 : mostWarmingMs)
    let requests = served.get(process) ?? 0
    do requests += (await more(1_500)).requests
    while (requests < warmAfter && performance.now() < end)
    served.set(process, requests)
  }
  await warm(api.process, ours)
  await warm(yardstick.process, theirs)
  const pairs: { ours: Load & { cpuMs: number }; theirs: Load & { cpuMs: number } }[] = []
  for (let n = 0; n < turns; n++) pairs.push({ ours: await ours(1_500), theirs: await theirs(1_500) })
  const mine = median(pairs.map((pair) => pair.ours.perSecond))
  const plain = median(pairs.map((pair) => pair.theirs.perSecond))
  return {
    unit: 'req/s',
    ours: mine,
    yardstick: plain,
    ratio: mine / plain,
    cpuMs: median(pairs.map((pair) => pair.ours.cpuMs)),
    yardstickCpuMs: median(pairs.map((pair) => pair.theirs.cpuMs)),
    runs: turns,
  }
}
