import { expect, test } from 'vitest'
import { readCidrs, wrongCidrs } from './cidrs.ts'

test('reads one a line, or with commas between', () => {
  expect(readCidrs(' 10.0.0.0/8,\n::1\r\n\n192.0.2.1 ')).toEqual(['10.0.0.0/8', '::1', '192.0.2.1'])
  expect(readCidrs('')).toEqual([])
})

test.each(['10.0.0.0/8', '192.0.2.1', '0.0.0.0/0', '::1', '2001:db8::/32', '2001:DB8::1/128'])(
  'takes %s',
  (text) => expect(wrongCidrs([text])).toBeUndefined(),
)

test.each([
  ['10.0.0.0/33', '0 to 32'],
  ['2001:db8::/129', '0 to 128'],
  ['10.0.0.0/', '0 to 32'],
  ['300.0.0.1', 'neither'],
  ['10.0.0.01', 'neither'],
  ['10.0.0.0/8/8', 'neither'],
  ['example.org', 'neither'],
  ['fe80::1%eth0', 'neither'],
  ['::ffff:192.0.2.1', 'IPv4'],
  ['::ffff:c000:201/128', 'IPv4'],
])('refuses %s, and says why', (text, why) => {
  expect(wrongCidrs(['10.0.0.0/8', text])).toContain(why)
})

test('takes twenty, and does not repeat a long text whole', () => {
  expect(wrongCidrs(Array.from({ length: 21 }, () => '::1'))).toBe('At most 20.')
  expect(wrongCidrs(['x'.repeat(500)])!.length).toBeLessThan(120)
})
