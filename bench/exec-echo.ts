import type { Duplex } from 'node:stream'
import { type Bench, percentile, type Row } from './bench.ts'
import { type BenchStack, benchStack } from './stack.ts'

/** Reads what is typed and does nothing with it: the terminal itself echoes each key. */
const swallow = 'while read -r line; do :; done'
const keysALine = 60

/** From a key typed to its echo at the browser's socket, beside the engine's own exec in the same container. */
export const execEcho: Bench = {
  name: 'exec-echo',
  about:
    'a key typed at the browser’s socket to its echo there, through api and worker; yardstick: raw engine exec; goal p50 <= +2 ms',
  deadlineMs: 5 * 60_000,
  async run({ services, quick, signal, say }) {
    const it = await benchStack(services)
    const id = await it.client.deploy({ name: 'echo', runtime: 'starter' })
    await it.client.until(id, 'running', 120_000)
    const terminal = await it.client.terminal(id)
    services.defer(async () => terminal.socket.terminate())
    await terminal.session()
    terminal.type(`echo "ready"$((0)); ${swallow}\n`)
    await terminal.until('ready0')
    await terminal.until(`${swallow}\r\n`)
    const raw = await rawExec(it, id)
    services.defer(async () => void raw.destroy())
    const ours = echoes((key) => terminal.type(key))
    terminal.socket.on('message', (data, isBinary) => isBinary && ours.came(Buffer.from(data as Buffer)))
    const theirs = echoes((key) => raw.write(key))
    raw.on('data', theirs.came)

    const keys = quick ? 200 : 3_000
    const times: { ours: number[]; raw: number[] } = { ours: [], raw: [] }
    for (let key = -100; key < keys; key++) {
      signal.throwIfAborted()
      const [a, b] = [await ours.press(key), await theirs.press(key)]
      // Both must have compiled what they run.
      if (key >= 0) {
        times.ours.push(a)
        times.raw.push(b)
      }
    }
    say(`${keys} keys each`)
    const row = (p: number, name: string): Row => {
      const [here, there] = [percentile(p, times.ours), percentile(p, times.raw)]
      const note = `ours ${here.toFixed(2)} ms, raw ${there.toFixed(2)} ms`
      return { name: `added to raw exec, ${name}`, unit: 'ms', ours: here - there, runs: keys, note }
    }
    return [{ ...row(0.5, 'p50'), goal: { of: 'ours', atMost: 2 } }, row(0.95, 'p95')]
  },
}

/** Presses keys one after the other and says how long each took to be seen; a line is ended before it is too long. */
function echoes(type: (text: string) => unknown) {
  let waiting: { left: number; resolve: () => void } | undefined
  const typed = async (text: string, echoed: number) => {
    const before = performance.now()
    await new Promise<void>((resolve) => {
      waiting = { left: echoed, resolve }
      type(text)
    })
    return performance.now() - before
  }
  return {
    came(bytes: Buffer): void {
      if (!waiting) return
      waiting.left -= bytes.length
      if (waiting.left <= 0) waiting.resolve()
    },
    // A line's end is echoed as two bytes.
    press: async (key: number) => {
      const took = await typed('k', 1)
      if (key % keysALine === 0) await typed('\n', 2)
      return took
    },
  }
}

async function rawExec(it: BenchStack, id: string): Promise<Duplex> {
  const filters = { label: [`com.nora.agent=${id}`, 'com.nora.role=agent'] }
  const [found] = await it.docker.listContainers({ filters })
  if (!found) throw new Error('the agent has no container')
  const options = { AttachStdin: true, AttachStdout: true, AttachStderr: true, Tty: true }
  const Cmd = ['/bin/sh', '-c', `echo ready; ${swallow}`]
  const exec = await it.docker.getContainer(found.Id).exec({ ...options, Cmd })
  const stream = await exec.start({ hijack: true, stdin: true, Tty: true })
  await new Promise<void>((resolve, reject) => {
    stream.once('data', () => resolve())
    stream.once('error', reject)
  })
  return stream
}
