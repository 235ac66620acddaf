import { type ChildProcess, execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { dial, listen, namespace, within } from './testing/namespaces.ts'

const run = promisify(execFile)
const main = join(import.meta.dirname, 'main.ts')
const [metadata, elsewhere] = ['169.254.169.254', '93.184.216.34']

// A container of the stack, this host as its router, and what lies behind: three namespaces of this test's own.
let part: ChildProcess
let host: ChildProcess
let behind: ChildProcess

async function connect(from: ChildProcess, device: string, to: ChildProcess, network: string): Promise<void> {
  const peer = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', String(to.pid)]
  await within(from, 'ip', 'link', 'add', device, ...peer)
  for (const [where, name, last] of [
    [from, device, 1],
    [to, 'eth0', 2],
  ] as const) {
    await within(where, 'ip', 'address', 'add', `${network}.${last}/24`, 'dev', name)
    await within(where, 'ip', 'link', 'set', name, 'up')
  }
  await within(to, 'ip', 'route', 'add', 'default', 'via', `${network}.1`)
}

beforeAll(async () => {
  ;[part, host, behind] = [await namespace(), await namespace(), await namespace()]
  await connect(host, 'stack', part, '10.213.0')
  await connect(host, 'behind', behind, '10.99.0')
  await within(host, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward')
  for (const address of [metadata, elsewhere]) {
    await within(behind, 'ip', 'address', 'add', `${address}/32`, 'dev', 'eth0')
    await within(host, 'ip', 'route', 'add', `${address}/32`, 'via', '10.99.0.2')
  }
})

test('with the guard a container of the stack reaches no cloud metadata any more, and the internet as before', async () => {
  const services = [metadata, elsewhere].map((address) => listen(behind, address))
  await expect
    .poll(() => services.map((one) => one.said()).join(''), { timeout: 60_000 })
    .toBe('listens listens ')
  const before = [metadata, elsewhere].map((address) => dial(part, address))
  await expect.poll(() => before.map((one) => one.said()), { timeout: 60_000 }).toEqual(['up', 'up'])

  const env = {
    PATH: '/usr/sbin:/sbin:/usr/bin:/bin',
    NORA_INSTALLATION_ID: '49af7bd2-0000-4000-8000-000000000001',
    NORA_AGENT_NETWORK_POOL: '10.214.0.0/16',
    NORA_STACK_NETWORK: '10.213.0.0/24',
  }
  await run('nsenter', ['--net', `--target=${host.pid}`, process.execPath, main, '--once'], { env })
  const after = [metadata, elsewhere].map((address) => dial(part, address))
  await expect.poll(() => after[1]?.said(), { timeout: 60_000 }).toBe('up')
  const dropped = async () =>
    Number(
      /^\[(\d+):\d+\] -A NORA-49af7bd2-FWD -s 10\.213\.0\.0\/24 -d 169\.254\.0\.0\/16 -j DROP$/m.exec(
        (await within(host, 'iptables-save', '-c', '-t', 'mangle')).stdout,
      )?.[1],
    )
  await expect.poll(dropped, { timeout: 60_000 }).toBeGreaterThan(0)
  // Nothing came back while the other connection was made and the packet was counted.
  expect(after[0]?.said()).toBe('')
})
