import { type ChildProcess, execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { dial, listen, namespace, within } from './testing/namespaces.ts'

const run = promisify(execFile)
const main = join(import.meta.dirname, 'main.ts')
const [hostAddress, agentAddress] = ['10.214.0.17', '10.214.0.19']
let host: ChildProcess
let agent: ChildProcess

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
})

test('a connection that an agent began while the rules were away carries nothing once they are back; one of the host’s own goes on', async () => {
  const service = listen(host, hostAddress)
  const listener = listen(agent, agentAddress)
  await expect.poll(() => service.said() + listener.said(), { timeout: 60_000 }).toBe('listens listens ')
  const sneaked = dial(agent, hostAddress)
  const own = dial(host, agentAddress)
  await expect.poll(() => sneaked.said() + own.said(), { timeout: 60_000 }).toBe('upup')
  sneaked.say('before')
  listener.say('before')
  await expect.poll(() => [service.heard(), own.heard()], { timeout: 60_000 }).toEqual(['before', 'before'])

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
  await expect.poll(dropped, { timeout: 60_000 }).toBeGreaterThan(0)
  await expect.poll(own.heard, { timeout: 60_000 }).toBe('before after')
  expect(service.heard()).toBe('before')
})
