import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

const run = promisify(execFile)
const main = join(import.meta.dirname, 'main.ts')
const [hostAddress, agentAddress] = ['10.214.0.17', '10.214.0.19']
const processes: ChildProcess[] = []
let host: ChildProcess
let agent: ChildProcess

/** A network namespace of this test's own, for as long as its process waits. */
async function namespace(): Promise<ChildProcess> {
  const child = spawn('unshare', ['--net', 'tail', '-f', '/dev/null'], { stdio: 'ignore' })
  processes.push(child)
  const own = await readlink('/proc/self/ns/net')
  await vi.waitUntil(async () => (await readlink(`/proc/${child.pid}/ns/net`)) !== own, { timeout: 10_000 })
  return child
}
const within = (where: ChildProcess, ...command: string[]) =>
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
const listen = (where: ChildProcess, address: string) =>
  end(
    where,
    `require('node:net').createServer(talk).listen(9000, '${address}', () => process.stderr.write('listens '))`,
  )
const dial = (where: ChildProcess, address: string) =>
  end(
    where,
    `const s = require('node:net').connect(9000, '${address}', () => talk(s)); s.on('error', () => process.exit(1))`,
  )

beforeAll(async () => {
  host = await namespace()
  agent = await namespace()
  const link = ['link', 'add', 'agents', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(agent.pid)]
  await within(host, 'ip', ...link)
  for (const [where, device, address] of [
    [host, 'agents', hostAddress],
    [agent, 'eth0', agentAddress],
  ] as const) {
    await within(where, 'ip', 'address', 'add', `${address}/29`, 'dev', device)
    await within(where, 'ip', 'link', 'set', device, 'up')
  }
  // As the engine's own rules do, this has connections followed also while the guard's rules are away.
  await within(host, 'iptables', '-A', 'INPUT', '-m', 'conntrack', '--ctstate', 'ESTABLISHED', '-j', 'ACCEPT')
}, 30_000)

afterAll(() => {
  for (const child of processes) child.kill('SIGKILL')
})

test('a connection that an agent began while the rules were away carries nothing once they are back; one of the host’s own goes on', async () => {
  const service = listen(host, hostAddress)
  const listener = listen(agent, agentAddress)
  await expect.poll(() => service.said() + listener.said(), { timeout: 20_000 }).toBe('listens listens ')
  const sneaked = dial(agent, hostAddress)
  const own = dial(host, agentAddress)
  await expect.poll(() => sneaked.said() + own.said(), { timeout: 20_000 }).toBe('upup')
  sneaked.say('before')
  listener.say('before')
  await expect.poll(() => [service.heard(), own.heard()], { timeout: 10_000 }).toEqual(['before', 'before'])

  const env = {
    PATH: '/usr/sbin:/sbin:/usr/bin:/bin',
    NORA_INSTALLATION_ID: '49af7bd2-0000-4000-8000-000000000001',
    NORA_AGENT_NETWORK_POOL: '10.214.0.0/16',
  }
  await run('nsenter', ['--net', `--target=${host.pid}`, process.execPath, main, '--once'], { env })
  sneaked.say(' after')
  listener.say(' after')
  const dropped = async () =>
    Number(
      /^\[(\d+):\d+\] -A NORA-49af7bd2-IN -s \S+ -j DROP$/m.exec(
        (await within(host, 'iptables-save', '-c', '-t', 'mangle')).stdout,
      )?.[1],
    )
  await expect.poll(dropped, { timeout: 10_000 }).toBeGreaterThan(0)
  await expect.poll(own.heard, { timeout: 10_000 }).toBe('before after')
  expect(service.heard()).toBe('before')
}, 60_000)
