import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readResolvers } from './resolvers.ts'
import { parseAllow, readSettings } from './settings.ts'

const good = {
  NORA_INSTALLATION_ID: '49af7bd2-0000-4000-8000-000000000001',
  NORA_AGENT_NETWORK_POOL: '10.214.0.0/16',
}

test('settings are taken, with what is opened', () => {
  expect(readSettings({ ...good, NORA_EGRESS_ALLOW: '192.168.1.5:8080, 10.0.0.9:53/udp' })).toMatchObject({
    pool: '10.214.0.0/16',
    allow: [
      { address: '192.168.1.5', port: 8080, protocol: 'tcp' },
      { address: '10.0.0.9', port: 53, protocol: 'udp' },
    ],
  })
})

test('every wrong setting is named at once, and nothing that could become another rule gets in', () => {
  const wrong = readSettings({
    NORA_INSTALLATION_ID: 'x -j ACCEPT',
    NORA_AGENT_NETWORK_POOL: '10.214.0.1/16',
    NORA_STACK_NETWORK: '8.8.8.0/24',
    NORA_EGRESS_ALLOW: '1.2.3.4:80 -j ACCEPT',
    NORA_NETGUARD_STATUS: 'status.json',
  })
  expect('problems' in wrong && wrong.problems.map((line) => line.split(/[ :]/)[0])).toEqual([
    'NORA_INSTALLATION_ID',
    'NORA_AGENT_NETWORK_POOL',
    'NORA_STACK_NETWORK',
    'NORA_EGRESS_ALLOW',
    'NORA_NETGUARD_STATUS',
  ])
})

test.each([
  '1.2.3.4',
  '1.2.3.4:0',
  '1.2.3.4:65536',
  '1.2.3.999:80',
  '010.1.1.1:80',
  'host:80',
  '1.2.3.0/24:80',
  '1.2.3.4:80/icmp',
  '::1:80',
])('an entry like %s is refused', (entry) => {
  expect(parseAllow(`1.1.1.1:443,${entry}`)).toHaveProperty('wrong')
})

test.each(['8.8.8.0/24', '0.0.0.0/0', '10.0.0.0/28', '10.0.0.0/4', '127.0.0.0/8', 'fd00::/16', ''])(
  'a pool like `%s` is refused: it is not private, or too wide or narrow',
  (pool) => {
    expect(readSettings({ ...good, NORA_AGENT_NETWORK_POOL: pool })).toHaveProperty('problems')
  },
)

test('a file of entries has comments and lines', () => {
  const text = '# the house\n192.168.1.5:80 # printer\n\n10.0.0.1:1/udp,10.0.0.1:2\n'
  expect(parseAllow(text)).toMatchObject({ entries: [{ port: 80 }, { port: 1 }, { port: 2 }] })
})

test('resolvers are those the engine forwards to: no loopback, and the upstreams behind the stub of systemd-resolved', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nora-resolvers-'))
  try {
    const file = join(folder, 'resolv.conf')
    const upstream = join(folder, 'upstream.conf')
    await writeFile(upstream, 'nameserver 192.168.7.1\nnameserver fe80::1\n')
    const resolvers = async (text: string) => {
      await writeFile(file, text)
      return readResolvers(file, upstream)
    }
    expect(
      await resolvers('search x\nnameserver 10.9.9.9\nnameserver 127.0.0.1\nnameserver 10.9.9.9\n'),
    ).toEqual(['10.9.9.9'])
    expect(await resolvers('nameserver 127.0.0.53\noptions edns0\n')).toEqual(['192.168.7.1'])
    expect(await resolvers('nameserver 127.0.0.1\n')).toEqual([])
    expect(await readResolvers(join(folder, 'none'), join(folder, 'none'))).toEqual([])
  } finally {
    await rm(folder, { recursive: true })
  }
})
