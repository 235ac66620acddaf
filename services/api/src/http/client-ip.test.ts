import type { IncomingMessage } from 'node:http'
import { fastify } from 'fastify'
import { describe, expect, test } from 'vitest'
import { addressBehind, plainAddress, subscriberOf, trustedProxies } from './client-ip.ts'

const proxies = trustedProxies(['127.0.0.1', '10.0.0.0/8', 'fd00::/64'])
const caller = (remoteAddress: string | undefined, forwarded?: string, trusts = proxies) =>
  addressBehind(
    { socket: { remoteAddress }, headers: { 'x-forwarded-for': forwarded } } as unknown as IncomingMessage,
    trusts,
  )

describe('the caller', () => {
  test.each([
    ['a peer nobody named, whatever it says', '203.0.113.5', '198.51.100.1', '203.0.113.5'],
    ['the same in IPv6', '2001:db8::5', '198.51.100.1', '2001:db8::5'],
    ['whom the proxy names', '127.0.0.1', '203.0.113.5', '203.0.113.5'],
    [
      'the right-most, not what the caller wrote before',
      '127.0.0.1',
      '198.51.100.1, 203.0.113.5',
      '203.0.113.5',
    ],
    ['behind two proxies', '127.0.0.1', '198.51.100.1, 203.0.113.5, 10.9.8.7', '203.0.113.5'],
    ['behind two proxies, of which one is not trusted', '127.0.0.1', '203.0.113.5, 192.0.2.1', '192.0.2.1'],
    ['one who claims to be a proxy', '127.0.0.1', '10.0.0.1, 203.0.113.5', '203.0.113.5'],
    ['the proxy itself', '127.0.0.1', undefined, '127.0.0.1'],
    ['the proxy itself, with an empty header', '127.0.0.1', ' , ', '127.0.0.1'],
    ['the left-most, when all are proxies', '127.0.0.1', '10.0.0.1, 10.0.0.2', '10.0.0.1'],
    [
      'behind a proxy seen through a socket of both families',
      '::ffff:10.1.1.1',
      '203.0.113.5',
      '203.0.113.5',
    ],
    ['behind a proxy of IPv6', 'fd00::1%eth0', '2001:db8::7', '2001:db8::7'],
    ['with a port', '127.0.0.1', '203.0.113.5:55123', '203.0.113.5'],
    ['with a port, IPv6', '127.0.0.1', '[2001:DB8:0:0::7]:443', '2001:db8::7'],
    ['mapped into IPv6', '127.0.0.1', '::ffff:203.0.113.5', '203.0.113.5'],
    ['mapped into IPv6, spelt out', '127.0.0.1', '0:0:0:0:0:FFFF:cb00:7105', '203.0.113.5'],
    ['no address at all', '127.0.0.1', 'unknown', undefined],
    ['no address right of one', '127.0.0.1', '203.0.113.5, nonsense', undefined],
    ['a peer without an address', undefined, '203.0.113.5', undefined],
  ])('%s', (_, remote, forwarded, expected) => {
    expect(caller(remote, forwarded)).toBe(expected)
  })

  test('is the peer when no proxy is trusted', () => {
    expect(caller('127.0.0.1', '203.0.113.5', trustedProxies([]))).toBe('127.0.0.1')
  })

  test('is the same for Fastify, which is given the same trust', async () => {
    const app = fastify({ trustProxy: proxies })
    app.get('/', async (request) => ({
      theirs: plainAddress(request.ip),
      ours: addressBehind(request.raw, proxies),
    }))
    for (const forwarded of [
      '203.0.113.5',
      '1.2.3.4, 203.0.113.5, 10.0.0.9',
      '::ffff:203.0.113.5',
      '10.0.0.1',
      '',
    ]) {
      const answer = await app.inject({ url: '/', headers: { 'x-forwarded-for': forwarded } })
      const { theirs, ours } = answer.json()
      expect(ours, forwarded).toBe(theirs)
    }
    await app.close()
  })
})

describe('what is counted as one', () => {
  test.each([
    ['203.0.113.5', '203.0.113.5'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8::9:9:9:9', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['64:ff9b::203.0.113.5', '64:ff9b:0:0::/64'],
    [undefined, 'unknown'],
  ])('%s is %s', (address, expected) => {
    expect(subscriberOf(plainAddress(address))).toBe(expected)
  })
})

test.each([
  '',
  ' ',
  '1.2.3',
  '1.2.3.4.5',
  '01.2.3.4',
  '0x7f.1',
  '2130706433',
  '1.2.3.4/8',
  'a.b',
  '::1::',
  '[::1',
  'localhost',
])('%j is no address', (text) => {
  expect(plainAddress(text)).toBeUndefined()
})
