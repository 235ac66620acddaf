import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { assembleTinyImage } from '../services/worker/src/images/tiny.ts'
import { signedIn } from './client.ts'
import { stack } from './stack.ts'

// Ids that nobody else on the machine has, so that the firewall's counters see our two processes and nothing else.
const uids = { api: 61_001, worker: 61_002 }
const root = process.getuid?.() === 0
const it = stack({}, root ? uids : undefined)
const chain = `NORA-TEST-${process.pid}`
const iptables = (...words: string[]) =>
  execFileSync('iptables', ['-w', '10', ...words], { encoding: 'utf8' })

beforeAll(() => {
  if (!root) return
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
})

const counted = () => {
  const [, packets] = /^\s*(\d+)\s+\d+\s+DROP/m.exec(iptables('-nvxL', chain)) ?? []
  return Number(packets)
}

// Only root may ask the kernel to count; an unprivileged run has nothing to ask.
test.runIf(root)(
  'with the defaults, an agent from deploy to delete: api and worker send no packet off this machine',
  async () => {
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
    expect(counted()).toBe(0)
  },
)

test.runIf(root)(
  'the counter would have seen one: the same uid sending to a network of this test alone',
  () => {
    const link = `nora${process.pid}`.slice(0, 15)
    execFileSync('ip', ['link', 'add', link, 'type', 'bridge'])
    try {
      // A documentation network (RFC 5737) behind a bridge without ports: nothing can leave through it.
      execFileSync('ip', ['address', 'add', '192.0.2.2/24', 'dev', link])
      execFileSync('ip', ['link', 'set', link, 'up'])
      const send =
        "const s = require('node:dgram').createSocket('udp4'); s.send('x', 9, '192.0.2.1', () => s.close())"
      execFileSync('setpriv', ['--reuid', String(uids.api), '--clear-groups', process.execPath, '-e', send])
      expect(counted()).toBeGreaterThan(0)
    } finally {
      execFileSync('ip', ['link', 'delete', link])
    }
  },
)
