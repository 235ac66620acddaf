import { once } from 'node:events'
import type { PassThrough } from 'node:stream'
import { waitUntil } from '@nora/testing/wait-until'
import type Docker from 'dockerode'
import { assembleTinyImage } from '../services/worker/src/images/tiny.ts'
import { type Bench, type BenchContext, median, percentile, type Row } from './bench.ts'
import { type BenchStack, benchStack, untilRunning } from './stack.ts'

/** A replaced key on its way into a running agent, against writing as many bytes there by an exec. */
export const sync: Bench = {
  name: 'sync',
  about:
    'POST sync-keys accepted -> the agent says that it has loaded the keys, against raw exec + stdin of the same bytes: p50 <= 2x + 20 ms',
  deadlineMs: 5 * 60_000,
  async run(context) {
    const { signal, say, quick, services } = context
    const it = await benchStack(services)
    const id = await it.client.deploy({ name: 'synced', runtime: 'starter', providerKeyIds: [it.keyId] })
    await untilRunning(it, [id], signal)
    const container = it.docker.getContainer(`${it.prefix}-agent-${id}`)
    const loaded = await loadings(container, context)
    const beside = await withShell(it, context)
    const runs = quick ? 6 : 30
    const [ours, asked, theirs]: [number[], number[], number[]] = [[], [], []]
    // One of each first that nobody counts.
    for (let turn = -1; turn < runs; turn++) {
      const { ms, fromAsking } = await syncOnce(it, id, loaded)
      await waitUntil(
        'the end of the operation',
        async () => (await it.client.agent(id)).operation?.status !== 'running',
      )
      const began = performance.now()
      await writeByExec(beside, keysOf(turn), signal)
      const raw = performance.now() - began
      if (turn < 0) continue
      ours.push(ms)
      asked.push(fromAsking)
      theirs.push(raw)
    }
    const [p50, yardstick] = [median(ours), median(theirs)]
    say(
      `p50 ${p50.toFixed(1)} ms, from asking ${median(asked).toFixed(1)} ms, raw ${yardstick.toFixed(1)} ms`,
    )
    const of = (p: number): Row => ({
      name: `accepted -> loaded, p${p * 100}`,
      unit: 'ms',
      ours: percentile(p, ours),
      yardstick: percentile(p, theirs),
      ratio: percentile(p, ours) / percentile(p, theirs),
      runs,
      note: `from the moment of asking: ${percentile(p, asked).toFixed(1)} ms`,
    })
    return [{ ...of(0.5), goal: { of: 'ours', atMost: 2 * yardstick + 20 } }, of(0.95)]
  },
}

/** Follows what the agent prints: `next` resolves at the moment it says that it has loaded keys once more. */
async function loadings(container: Docker.Container, { signal, services }: BenchContext) {
  const output = (await container.logs({ follow: true, stdout: true, stderr: true, tail: 0 })) as PassThrough
  services.defer(async () => output.destroy())
  let bell = () => {}
  output.on('data', (chunk: Buffer) => {
    if (chunk.includes('"keys loaded"')) bell()
  })
  return {
    next: () =>
      new Promise<number>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
        bell = () => resolve(performance.now())
      }),
  }
}

async function syncOnce(it: BenchStack, id: string, loaded: { next(): Promise<number> }) {
  const at = loaded.next()
  const asked = performance.now()
  const answer = await it.client.post(`agents/${id}/sync-keys`)
  const accepted = performance.now()
  if (answer.status !== 202) throw new Error(`sync-keys answered ${answer.status}`)
  const done = await at
  return { ms: done - accepted, fromAsking: done - asked }
}

/** As many bytes as the runtime's file has for one key. */
const keysOf = (turn: number) =>
  Buffer.from(
    JSON.stringify({ version: turn, keys: [{ id: 'x'.repeat(36), apiKey: 'k'.repeat(40) }] }).padEnd(320),
  )

/** A container with a shell, which the starter's image has not: the exec at its cheapest. */
async function withShell(it: BenchStack, { services, signal }: BenchContext): Promise<Docker.Container> {
  const { reference } = await assembleTinyImage(it.docker, {
    name: 'beside',
    cmd: ['/bin/sh', '-c', 'exec sleep 86400'],
  })
  const container = await it.docker.createContainer({
    Image: reference,
    HostConfig: { NetworkMode: 'none', Tmpfs: { '/tmp': 'size=1m' } },
    abortSignal: signal,
  })
  services.defer(() => container.remove({ force: true }))
  await container.start({ abortSignal: signal })
  return container
}

/** What any program would do: an exec whose standard input becomes the file. */
async function writeByExec(container: Docker.Container, content: Buffer, signal: AbortSignal): Promise<void> {
  const exec = await container.exec({
    Cmd: ['/bin/sh', '-c', 'cat > /tmp/keys.json'],
    ...{ AttachStdin: true, AttachStdout: true, AttachStderr: true, abortSignal: signal },
  })
  const stream = await exec.start({ hijack: true, stdin: true, abortSignal: signal })
  stream.resume()
  const ended = once(stream, 'end', { signal })
  stream.end(content)
  await ended
  const { ExitCode } = await exec.inspect({ abortSignal: signal })
  if (ExitCode !== 0) throw new Error(`the exec ended with ${ExitCode}`)
}
