import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { signedIn } from '../e2e/client.ts'
import { type Bench, type BenchContext, percentile, type Row } from './bench.ts'
import { openValve, producerImage, type Valve } from './log-producer.ts'
import { type BenchStack, benchStack } from './stack.ts'

const viewersAtOnce = [1, 10, 100]
/** What the api lets one person have open. */
const socketsAPerson = 20
const everyMs = 50

type Viewer = { token: string; workspace: string }

/** From when the engine took a line to when a browser's socket has it, beside the engine's own stream of the same line. */
export const logsLatency: Bench = {
  name: 'logs-latency',
  about:
    'a line printed to the line at the socket, with 1, 10 and 100 viewers; yardstick: raw follow; goal p95 <= +20 ms',
  deadlineMs: 10 * 60_000,
  async run(context) {
    const { services, quick } = context
    const lines = quick ? 60 : 400
    const it = await benchStack(services)
    const image = await producerImage(it.docker)
    const resources = { cpus: 1, memoryMb: 64, diskMb: 8, pids: 16 }
    const id = await it.client.deploy({ name: 'lines', runtime: 'image', image, resources })
    await it.client.until(id, 'running', 60_000)
    const valve = openValve(`/dev/shm/${it.prefix}/keys/${id}`)
    const viewers = await people(it, id)
    const rows: Row[] = []
    const added: number[] = []
    let printed = 0
    for (const count of viewersAtOnce) {
      const seen = await measure(context, it, { id, valve, count, lines, printed, viewers })
      printed += lines
      const [ours, raw] = [percentile(0.95, seen.ours), percentile(0.95, seen.raw)]
      added.push(ours - raw)
      rows.push({
        name: 'added to raw follow, p95',
        unit: 'ms',
        ours: ours - raw,
        goal: { of: 'ours', atMost: 20 },
        runs: lines,
        size: `${count} viewers`,
        note: `p50 ${percentile(0.5, seen.ours).toFixed(1)} ms, p95 ${ours.toFixed(1)} ms; raw p50 ${percentile(0.5, seen.raw).toFixed(1)} ms, p95 ${raw.toFixed(1)} ms, of the same lines`,
      })
    }
    valve.close()
    const slope = (added.at(-1)! - added[0]!) / (viewersAtOnce.at(-1)! - viewersAtOnce[0]!)
    rows.push({ name: 'added for each more viewer, slope', unit: 'ms', ours: slope, runs: lines })
    return rows
  },
}

type Asked = { id: string; valve: Valve; count: number; lines: number; printed: number; viewers: Viewer[] }

async function measure(context: BenchContext, it: BenchStack, asked: Asked) {
  const { id, count, lines, printed } = asked
  const ours: number[] = []
  const raw: number[] = []
  const sockets = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      openSocket(it, id, asked.viewers[Math.floor(index / socketsAPerson)]!, printed),
    ),
  )
  for (const socket of sockets) {
    socket.on('message', (data) => {
      const at = now()
      for (const line of JSON.parse(String(data)).lines ?? []) ours.push(at - timeOf(line.ts))
    })
  }
  const stream = await rawFollow(it, id, raw)
  try {
    for (let line = printed + 1; line <= printed + lines; line++) {
      asked.valve.upTo(line)
      await delay(everyMs, undefined, { signal: context.signal })
    }
    const end = Date.now() + 30_000
    while (ours.length < lines * count || raw.length < lines) {
      if (Date.now() > end) throw new Error(`${ours.length} of ${lines * count} lines came`)
      await delay(20, undefined, { signal: context.signal })
    }
  } finally {
    stream.destroy()
    for (const socket of sockets) socket.terminate()
  }
  context.say(`${count} viewers: ${ours.length} lines came`)
  return { ours, raw }
}

async function rawFollow(it: BenchStack, id: string, late: number[]): Promise<Readable> {
  const filters = { label: [`com.nora.agent=${id}`, 'com.nora.role=agent'] }
  const [found] = await it.docker.listContainers({ filters })
  if (!found) throw new Error('the agent has no container')
  const options = { follow: true, stdout: true, stderr: true, timestamps: true, tail: 0 } as const
  const stream = (await it.docker.getContainer(found.Id).logs(options)) as unknown as Readable
  stream.on('data', (chunk: Buffer) => {
    const at = now()
    for (const [ts] of chunk.toString('latin1').matchAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g))
      late.push(at - timeOf(ts))
  })
  stream.on('error', () => undefined)
  return stream
}

/** The owner, and as many others of the same workspace as it takes for all sockets. */
async function people(it: BenchStack, agentId: string): Promise<Viewer[]> {
  const [agent] = await it.database.asSuperuser<{ workspace_id: string }>(
    'select workspace_id from nora.agents where id = $1',
    [agentId],
  )
  const workspace = agent!.workspace_id
  const viewers = [{ token: it.client.token, workspace }]
  while (viewers.length * socketsAPerson < viewersAtOnce.at(-1)!) {
    const name = `viewer-${viewers.length}`
    const { token } = await signedIn(it, name)
    await it.database.asSuperuser(
      `insert into nora.memberships (workspace_id, user_id, role) select $1, id, 'viewer' from nora.users where email like $2`,
      [workspace, `${name}@%`],
    )
    viewers.push({ token, workspace })
  }
  return viewers
}

async function openSocket(it: BenchStack, id: string, viewer: Viewer, after: number): Promise<WebSocket> {
  const authorization = `Bearer ${viewer.token}`
  const answer = await fetch(`${it.url}/api/ws-tickets`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json', 'x-nora-workspace': viewer.workspace },
    body: JSON.stringify({ kind: 'logs', agentId: id }),
    signal: AbortSignal.timeout(30_000),
  })
  if (answer.status !== 201) throw new Error(`a ticket was refused: ${answer.status} ${await answer.text()}`)
  const { ticket } = (await answer.json()) as { ticket: string }
  const socket = new WebSocket(
    `${it.url.replace('http', 'ws')}/api/ws/logs/${id}?after=${after}`,
    ['nora.v1', `ticket.${ticket}`],
    { headers: { authorization } },
  )
  await new Promise((resolve, reject) => {
    // With its first frame, which says the agent's state, it is served.
    socket.once('message', resolve)
    socket.once('error', reject)
    socket.once('close', (code) => reject(new Error(`a socket was closed with ${code}`)))
  })
  return socket
}

// Both clocks are this machine's; the engine's times have nanoseconds.
const now = () => performance.timeOrigin + performance.now()
const timeOf = (ts: string) =>
  Date.parse(`${ts.slice(0, 19)}Z`) + Number(`0${/\.\d+/.exec(ts)?.[0] ?? ''}`) * 1000
