import { execFileSync } from 'node:child_process'
import { addressIn } from '@nora/testing/address-pool'
import { waitUntil } from '@nora/testing/wait-until'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { assembleTinyImage } from '../services/worker/src/images/tiny.ts'
import { signedIn } from './client.ts'
import { stack } from './stack.ts'

// Ids that nobody else on the machine has, so that the firewall's counters see our two processes and nothing else.
const first = 61_000 + 2 * (process.pid % 2_000)
const uids = { api: first, worker: first + 1 }
const root = process.getuid?.() === 0
const it = stack({}, root ? uids : undefined)
const chain = `NORA-TEST-${process.pid}`
const sent = `${chain}-C`
const iptables = (...words: string[]) =>
  execFileSync('iptables', ['-w', '120', ...words], { encoding: 'utf8' })

/** From our gateway and our agents to anywhere else, seen before the engine's own rules let it pass. */
const fromOurs = () => {
  const pool = `${addressIn(it.provider.host, -1)}/22`
  return ['PREROUTING', '-s', pool, '!', '-d', pool, '-j', sent]
}
const mangle = ['-t', 'mangle']

beforeAll(() => {
  if (!root) return
  iptables(...mangle, '-N', sent)
  iptables(...mangle, '-A', sent, '-j', 'DROP')
  iptables(...mangle, '-I', ...fromOurs())
  iptables('-N', chain)
  // Whatever leaves this machine is counted and dropped: no packet of a failing test gets anywhere.
  iptables('-A', chain, '!', '-o', 'lo', '-j', 'DROP')
  for (const uid of Object.values(uids))
    iptables('-I', 'OUTPUT', '-m', 'owner', '--uid-owner', String(uid), '-j', chain)
})
afterAll(() => {
  if (!root) return
  for (const uid of Object.values(uids))
    iptables('-D', 'OUTPUT', '-m', 'owner', '--uid-owner', String(uid), '-j', chain)
  iptables('-F', chain)
  iptables('-X', chain)
  iptables(...mangle, '-D', ...fromOurs())
  iptables(...mangle, '-F', sent)
  iptables(...mangle, '-X', sent)
})

const counted = (...where: string[]) => {
  const [, packets] = /^\s*(\d+)\s+\d+\s+DROP/m.exec(iptables(...where)) ?? []
  return Number(packets)
}
const ofProcesses = () => counted('-nvxL', chain)
const ofContainers = () => counted(...mangle, '-nvxL', sent)

const gateway = async () => {
  const label = [`com.nora.installation=${it.installation}`, 'com.nora.role=gateway']
  const [found] = await it.docker.listContainers({ filters: { label } })
  return found
}

// Only root may ask the kernel to count; an unprivileged run has nothing to ask.
test.runIf(root)(
  'with the defaults, an agent from deploy to delete: api, worker and gateway send no packet off this machine',
  async () => {
    // The gateway's own boot is to be watched too: this one is made anew.
    const old = await waitUntil('the gateway', gateway, { deadlineMs: 120_000 })
    await it.docker.getContainer(old.Id).remove({ force: true })
    await waitUntil('a new gateway', async () => ((await gateway())?.Id ?? old.Id) !== old.Id, {
      deadlineMs: 120_000,
    })
    const alice = await signedIn(it, 'alice')
    const image = await assembleTinyImage(it.docker, {
      name: 'e2e-sleeper',
      cmd: ['/bin/sh', '-c', 'echo up; exec sleep 3600'],
    })
    const key = await alice.post('llm-providers', {
      provider: 'openai',
      label: 'unused',
      secret: { apiKey: 'sk-unused-0123456789abcdef' },
    })
    const id = await alice.deploy({
      name: 'quiet',
      runtime: 'image',
      image: image.reference,
      providerKeyIds: [key.body['id']],
    })
    await alice.until(id, 'running')
    await alice.delete(`agents/${id}`)
    // What its end takes is counted too.
    const gone = async () => (await alice.get(`agents/${id}`)).status === 404
    await waitUntil('the agent to be gone', gone, { deadlineMs: 120_000 })
    expect([ofProcesses(), ofContainers()]).toEqual([0, 0])
  },
)

test.runIf(root)(
  'the counters would have seen one: the same uid, and the gateway’s network, sending to a network of this test alone',
  async () => {
    const pid = (await it.docker.getContainer((await gateway())!.Id).inspect()).State.Pid
    const link = `nora${process.pid}`.slice(0, 15)
    execFileSync('ip', ['link', 'add', link, 'type', 'bridge'])
    try {
      // A documentation network (RFC 5737) behind a bridge without ports: nothing can leave through it.
      execFileSync('ip', ['address', 'add', '192.0.2.2/24', 'dev', link])
      execFileSync('ip', ['link', 'set', link, 'up'])
      const send =
        "const s = require('node:dgram').createSocket('udp4'); s.send('x', 9, '192.0.2.1', () => s.close())"
      execFileSync('setpriv', ['--reuid', String(uids.api), '--clear-groups', process.execPath, '-e', send])
      expect(ofProcesses()).toBeGreaterThan(0)
      execFileSync('nsenter', ['--target', String(pid), '--net', process.execPath, '-e', send])
      await waitUntil('the gateway’s packet to be counted', () => ofContainers() > 0, {
        deadlineMs: 60_000,
      })
    } finally {
      execFileSync('ip', ['link', 'delete', link])
    }
  },
)
