import { chmod } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { WebSocket } from 'ws'
import { type Bench, type BenchContext, median } from './bench.ts'
import { openValve, producerImage, type Valve } from './log-producer.ts'
import { cpuMs, machineTicks } from './proc.ts'
import { type BenchStack, benchStack } from './stack.ts'

const lineBytes = 100
// The program is this many lines ahead of its reader at the most and is let on in steps: it prints as fast as it is read,
// and all that was not read yet is in the engine's files.
const ahead = 20_000
const step = 1_000

/** How fast a container's lines come through to a browser's socket, stored on their way, beside the engine's own stream. */
export const logsThroughput: Bench = {
  name: 'logs-throughput',
  about:
    '1M lines of 100 B from a container to a browser socket, stored; yardstick: raw dockerode follow; goal >= 0.8x',
  deadlineMs: 20 * 60_000,
  async run(context) {
    const { services, quick, say } = context
    const lines = quick ? 200_000 : 1_000_000
    const turns = quick ? 1 : 3
    const it = await benchStack(services)
    const image = await producerImage(it.docker)
    const ours: Measured[] = []
    const raw: Measured[] = []
    const cpu: number[] = []
    for (let turn = 0; turn < turns; turn++) {
      raw.push(await rawTurn(context, it, image, lines))
      const mine = await ourTurn(context, it, image, lines)
      ours.push(mine)
      cpu.push(mine.spentMs / (lines / 1000))
      say(`turn ${turn + 1}: ${mine.rate.toFixed(1)} MB/s, raw ${raw.at(-1)!.rate.toFixed(1)} MB/s`)
      context.signal.throwIfAborted()
    }
    const [mine, yardstick] = [ours, raw].map((turns) => median(turns.map((one) => one.rate))) as [
      number,
      number,
    ]
    const [here, there] = [ours, raw].map(
      (turns) => `${Math.round(100 * median(turns.map((one) => one.busy)))} %`,
    )
    return [
      {
        name: 'container to browser socket, stored',
        unit: 'MB/s',
        ours: mine,
        yardstick,
        ratio: mine / yardstick,
        goal: { atLeast: 0.8 },
        cpuMs: median(cpu),
        runs: turns,
        size: `${lines} lines`,
        note: `CPU of api and worker per 1,000 lines; the program is at most ${ahead} lines ahead of its reader; raw follows a log that is never rotated, for rotated ones it doubles lines; all cores together were ${here} busy in our turns, ${there} in the raw ones`,
      },
    ]
  },
}

async function used(it: BenchStack): Promise<number> {
  return (await cpuMs(it.api.pid!)) + (await cpuMs(it.worker.pid!))
}

/** MB/s, and the part of all cores' time that the machine was busy with everything. */
type Measured = { rate: number; busy: number }

/** Lets the program print while lines are read, until all were. `read` is told how many have come. */
async function measure(
  valve: Valve,
  lines: number,
  read: (seen: (count: number) => void) => Promise<void>,
): Promise<Measured> {
  let allowed = 0
  const letOn = (count: number) => {
    const to = Math.min(lines, count + ahead)
    if (to - allowed < step && to < lines) return
    if (to > allowed) valve.upTo(to)
    allowed = Math.max(allowed, to)
  }
  const before = await machineTicks()
  const began = performance.now()
  letOn(0)
  await read(letOn)
  const seconds = (performance.now() - began) / 1000
  const after = await machineTicks()
  return {
    rate: (lines * lineBytes) / 1e6 / seconds,
    busy: (after.busy - before.busy) / (after.all - before.all),
  }
}

async function rawTurn(
  context: BenchContext,
  it: BenchStack,
  image: string,
  lines: number,
): Promise<Measured> {
  const folder = await context.services.folder()
  await chmod(folder, 0o755)
  const valve = openValve(folder)
  const container = await it.docker.createContainer({
    Image: image,
    Labels: { 'com.nora.installation': it.installation },
    HostConfig: {
      NetworkMode: 'none',
      Binds: [`${folder}:/run/nora:ro`],
      LogConfig: { Type: 'json-file', Config: {} },
    },
  })
  await container.start()
  const options = { follow: true, stdout: true, stderr: true, timestamps: true } as const
  const stream = (await container.logs(options)) as unknown as Readable
  try {
    return await measure(valve, lines, async (seen) => {
      let count = 0
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) count++
        seen(count)
        if (count >= lines) return
      }
      throw new Error(`the engine's stream ended after ${count} lines`)
    })
  } finally {
    valve.close()
    await container.remove({ force: true })
  }
}

async function ourTurn(
  context: BenchContext,
  it: BenchStack,
  image: string,
  lines: number,
): Promise<Measured & { spentMs: number }> {
  const resources = { cpus: 1, memoryMb: 64, diskMb: 8, pids: 16 }
  const id = await it.client.deploy({ name: `lines-${Date.now()}`, runtime: 'image', image, resources })
  await it.client.until(id, 'running', 60_000)
  const socket = await openSocket(it, id)
  const valve = openValve(`/dev/shm/${it.prefix}/keys/${id}`)
  try {
    const before = await used(it)
    const measured = await measure(valve, lines, (seen) => readSocket(socket, lines, seen, context.signal))
    const spentMs = (await used(it)) - before
    await checkStored(it, id, lines)
    return { ...measured, spentMs }
  } finally {
    socket.terminate()
    valve.close()
    await it.client.delete(`agents/${id}`)
  }
}

async function openSocket(it: BenchStack, id: string): Promise<WebSocket> {
  const { body } = await it.client.post('ws-tickets', { kind: 'logs', agentId: id })
  const socket = new WebSocket(
    `${it.url.replace('http', 'ws')}/api/ws/logs/${id}?after=0`,
    ['nora.v1', `ticket.${body['ticket']}`],
    { headers: { authorization: `Bearer ${it.client.token}` } },
  )
  await new Promise((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  return socket
}

/** Every line must come, in order: its number is its `seq` and stands at its beginning. */
function readSocket(
  socket: WebSocket,
  lines: number,
  seen: (count: number) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let count = 0
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    socket.on('close', (code) => reject(new Error(`the socket was closed with ${code} after ${count} lines`)))
    socket.on('message', (data) => {
      const frame = JSON.parse(String(data)) as { type: string; lines?: { seq: number; text: string }[] }
      if (frame.type === 'gap') reject(new Error('lines were lost'))
      for (const line of frame.lines ?? []) {
        count++
        if (line.seq !== count || Number(line.text.slice(0, 10)) !== count) {
          reject(new Error(`line ${line.seq} came where ${count} was due: ${line.text.slice(0, 10)}`))
        }
      }
      seen(count)
      if (count >= lines) resolve()
    })
  })
}

async function checkStored(it: BenchStack, id: string, lines: number): Promise<void> {
  const [row] = await it.database.asSuperuser<{ last: number; next: number }>(
    `select max(c.last_seq)::int as last, min(f.next_seq)::int as next from nora.log_chunks c
     join nora.log_followers f on f.agent_id = c.agent_id where c.agent_id = $1`,
    [id],
  )
  if (row?.last !== lines || row.next !== lines + 1) throw new Error('what came was not stored')
}
