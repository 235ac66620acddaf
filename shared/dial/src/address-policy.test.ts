import { expect, test } from 'vitest'
import { normalAddress, refusalOfAddress } from './address-policy.ts'

test.each(['1.1.1.1', '8.8.8.8', '93.184.215.14', '2606:4700:4700::1111', '2a00:1450:4001:80b::200e'])(
  'lets %s be dialled',
  (address) => expect(refusalOfAddress(address)).toBeNull(),
)

test.each([
  ...[
    '0.0.0.0',
    '0.1.2.3',
    '127.0.0.1',
    '127.255.255.254',
    '10.0.0.1',
    '10.214.0.3',
    '172.16.0.1',
    '172.31.255.255',
  ],
  ...[
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '100.127.255.255',
    '192.0.0.1',
    '192.0.2.1',
    '198.18.0.1',
  ],
  ...[
    '198.51.100.1',
    '203.0.113.1',
    '192.88.99.1',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
  ],
  ...['192.175.48.1', '192.31.196.1', '192.52.193.1'],
  ...[
    '::',
    '::1',
    'fe80::1',
    'fec0::1',
    'fc00::1',
    'fd00:ec2::254',
    'ff02::1',
    '100::1',
    '2001:db8::1',
    '3fff::1',
  ],
  ...[
    '2001::1',
    '2001:2::1',
    '2001:3::1',
    '2001:4:112::1',
    '2001:10::1',
    '2001:20::1',
    '2001:1::1',
    '5f00::1',
  ],
  ...['4000::1', 'e000::1', '2620:4f:8000::1'],
])('refuses %s', (address) => expect(refusalOfAddress(address)).not.toBeNull())

test.each([
  ['mapped', '::ffff:127.0.0.1'],
  ['mapped, in hexadecimal', '::ffff:7f00:1'],
  ['mapped private', '::ffff:10.0.0.1'],
  ['mapped metadata', '::ffff:a9fe:a9fe'],
  ['translated (RFC 6145)', '::ffff:0:127.0.0.1'],
  ['compatible', '::127.0.0.1'],
  ['compatible, public inside', '::8.8.8.8'],
  ['NAT64', '64:ff9b::7f00:1'],
  ['NAT64, public inside', '64:ff9b::808:808'],
  ['NAT64 local', '64:ff9b:1::7f00:1'],
  ['6to4', '2002:7f00:1::1'],
  ['6to4, public inside', '2002:808:808::1'],
  ['Teredo', '2001:0:4136:e378:8000:63bf:3fff:fdd2'],
  ['ISATAP', '2606:4700::5efe:7f00:1'],
  ['ISATAP, universal', '2606:4700::200:5efe:808:808'],
])('refuses IPv4 inside IPv6: %s', (_, address) => expect(refusalOfAddress(address)).not.toBeNull())

test('a mapped public address is its IPv4 self', () => {
  expect(normalAddress('::ffff:8.8.8.8')).toBe('8.8.8.8')
  expect(refusalOfAddress('::FFFF:8.8.8.8')).toBeNull()
})

test.each([
  ...[
    '0177.0.0.1',
    '127.1',
    '2130706433',
    '0x7f.0.0.1',
    '0x7f000001',
    '127.0.0.1.',
    ' 127.0.0.1',
    '08.8.8.8',
    '8.8.8',
  ],
  ...[
    'fe80::1%eth0',
    '::1%lo',
    'localhost',
    '',
    '1.2.3.4:80',
    '[::1]',
    ':::',
    '1::2::3',
    '300.1.1.1',
    '8.8.8.8/32',
  ],
])('has no normal form for %s, and refuses it', (text) => {
  expect(normalAddress(text)).toBeUndefined()
  expect(refusalOfAddress(text)).not.toBeNull()
})

test('refuses a public address of this machine', () => {
  expect(refusalOfAddress('8.8.8.8', new Set(['8.8.8.8']))).toBe('is an address of this server')
})
