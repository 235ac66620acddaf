import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { readlink } from 'node:fs/promises'
import { promisify } from 'node:util'
import { afterAll, vi } from 'vitest'

const run = promisify(execFile)
const processes: ChildProcess[] = []
afterAll(() => {
  for (const child of processes) child.kill('SIGKILL')
})

/** A network namespace of this test's own, for as long as its process waits. */
export async function namespace(): Promise<ChildProcess> {
  const child = spawn('unshare', ['--net', 'tail', '-f', '/dev/null'], { stdio: 'ignore' })
  processes.push(child)
  const own = await readlink('/proc/self/ns/net')
  await vi.waitUntil(async () => (await readlink(`/proc/${child.pid}/ns/net`)) !== own, { timeout: 60_000 })
  return child
}
/** Runs a command there. */
export const within = (where: ChildProcess, ...command: string[]) =>
  run('nsenter', ['--net', `--target=${where.pid}`, ...command])

/** One end of a connection: what is written to it goes over, `heard` is what came. */
function end(where: ChildProcess, how: string) {
  const talk = `const talk = (s) => { process.stdin.pipe(s); s.pipe(process.stdout); process.stderr.write('up') }; ${how}`
  const child = spawn('nsenter', ['--net', `--target=${where.pid}`, process.execPath, '-e', talk])
  processes.push(child)
  let [heard, said] = ['', '']
  child.stdout.on('data', (bytes) => {
    heard += bytes
  })
  child.stderr.on('data', (bytes) => {
    said += bytes
  })
  return { say: (text: string) => child.stdin.write(text), heard: () => heard, said: () => said }
}
/** Takes connections on port 9000; says `listens ` when it does. */
export const listen = (where: ChildProcess, address: string) =>
  end(
    where,
    `require('node:net').createServer(talk).listen(9000, '${address}', () => process.stderr.write('listens '))`,
  )
/** Opens a connection to port 9000; says `up` when it stands. */
export const dial = (where: ChildProcess, address: string) =>
  end(
    where,
    `const s = require('node:net').connect(9000, '${address}', () => talk(s)); s.on('error', () => process.exit(1))`,
  )
