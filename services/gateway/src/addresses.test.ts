import { expect, test } from 'vitest'
import { agentAddressPolicy, parsePool, peerPolicy } from './addresses.ts'
import { readSettings } from './settings.ts'

const allow = agentAddressPolicy(parsePool('10.214.0.0/16'))

test.each(['10.214.0.19', '10.214.0.27', '10.214.255.251'])('%s is an agent', (ip) => {
  expect(allow(ip)).toBeNull()
})

test.each([
  ['127.0.0.1', 'outside the agent pool'],
  ['169.254.169.254', 'outside the agent pool'],
  ['0.0.0.0', 'outside the agent pool'],
  ['255.255.255.255', 'outside the agent pool'],
  ['10.213.255.251', 'outside the agent pool'],
  ['10.215.0.3', 'outside the agent pool'],
  ['10.214.0.3', 'in the control network'],
  ['10.214.0.11', 'in the control network'],
  ['10.214.0.16', 'not the address of an agent'], // network
  ['10.214.0.17', 'not the address of an agent'], // the host's end of the bridge
  ['10.214.0.18', 'not the address of an agent'], // the gateway itself
  ['10.214.0.20', 'not the address of an agent'], // the broker's place
  ['10.214.0.23', 'not the address of an agent'], // broadcast
  ['10.214.19', 'not an IPv4 address'],
  ['0x0ad60013', 'not an IPv4 address'],
  ['181797907', 'not an IPv4 address'],
  ['012.214.0.19', 'not an IPv4 address'],
  ['10.214.0.019', 'not an IPv4 address'],
  [' 10.214.0.19', 'not an IPv4 address'],
  ['10.214.0.19.', 'not an IPv4 address'],
  ['::ffff:10.214.0.19', 'not an IPv4 address'],
  ['::ffff:0ad6:13', 'not an IPv4 address'],
  ['64:ff9b::10.214.0.19', 'not an IPv4 address'],
  ['2002:0ad6:0013::', 'not an IPv4 address'],
  ['::1', 'not an IPv4 address'],
  ['[::1]', 'not an IPv4 address'],
  ['localhost', 'not an IPv4 address'],
  ['', 'not an IPv4 address'],
])('%j is refused: %s', (ip, reason) => {
  expect(allow(ip)).toBe(reason)
})

test.each([
  '127.0.0.0/8',
  '169.254.0.0/16',
  '8.8.0.0/16',
  '10.214.0.1/16',
  '10.0.0.0/7',
  '10.214.0.0/28',
  'fd00::/16',
  '',
])('%j is no pool', (cidr) => {
  expect(() => parsePool(cidr)).toThrow(RangeError)
})

test('an agent is no caller, the control network and the host are', () => {
  const accept = peerPolicy(parsePool('10.214.0.0/16'))
  expect(['10.214.0.1', '172.17.0.1', '127.0.0.1'].map(accept)).toEqual([true, true, true])
  expect(['10.214.0.19', '10.214.0.17', '10.214.255.251', undefined, '::1'].map(accept)).toEqual(
    Array(5).fill(false),
  )
})

test('settings take two keys of the api while it is exchanged', () => {
  const keys = [1, 2].map((byte) => Buffer.alloc(32, byte))
  const settings = readSettings({
    GATEWAY_CONTROL_ADDRESS: '10.214.0.2',
    GATEWAY_CAPABILITY_PUBLIC_KEY: keys.map((key) => key.toString('base64url')).join(','),
    GATEWAY_CONTROL_PUBLIC_KEY: keys[0]!.toString('base64url'),
    GATEWAY_AGENT_POOL: '10.214.0.0/16',
  })
  expect(settings).toMatchObject({ capabilityKey: keys })
})

test('settings name every variable that is wrong', () => {
  const key = Buffer.alloc(32, 1).toString('base64url')
  const good = {
    GATEWAY_CONTROL_ADDRESS: '10.214.0.2',
    GATEWAY_CAPABILITY_PUBLIC_KEY: key,
    GATEWAY_CONTROL_PUBLIC_KEY: key,
    GATEWAY_AGENT_POOL: '10.214.0.0/16',
  }
  expect(readSettings(good)).toMatchObject({ controlAddress: '10.214.0.2' })
  const bad = readSettings({ GATEWAY_CONTROL_ADDRESS: '0.0.0.0' }) as { problems: string[] }
  expect(bad.problems.map((line) => line.split(/[ :]/)[0])).toEqual(Object.keys(good))
})
