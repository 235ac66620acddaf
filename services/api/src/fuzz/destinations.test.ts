import { isIP } from 'node:net'
import { credentialType } from '@nora/contract/credential-catalog'
import { DomainError } from '@nora/domain/errors'
import { fc, hostileText, readingOf } from '@nora/testing/fuzz'
import { describe, expect, test } from 'vitest'
import { destinationOf } from '../provider-keys/destination.ts'

// Where a secret may travel is read out of what people type: a base URL, or the secret itself.

const isDeclared = (error: unknown) => error instanceof DomainError
const host = fc.constantFrom(
  ...['api.example.com', 'localhost', '127.0.0.1', '0x7f.1', '2130706433', '[::1]', '[::ffff:a9fe:a9fe]'],
  ...[
    '169.254.169.254',
    'postgres',
    'db.internal',
    'api.example.com.',
    'ａｐｉ.example.com',
    'user@10.0.0.1',
    'a.b,c.d',
  ],
)
const url = (...schemes: string[]) =>
  fc
    .tuple(fc.constantFrom(...schemes), host, fc.constantFrom('', ':443', ':5432', ':0', ':99999'))
    .map(([scheme, name, port]) => `${scheme}//u:p@${name}${port}/x?sslmode=require`)

/** What is accepted names one public host by its name, in the form that is sealed and dialled. */
function expectPublic(hosts: string[]): void {
  expect(hosts).toHaveLength(1)
  const there = new URL(`https://${hosts[0]}`)
  expect([there.host, `${there.hostname}:443`]).toContain(hosts[0])
  const name = there.hostname.replace(/\.$/, '')
  expect(isIP(name.replace(/^\[|\]$/g, ''))).toBe(0)
  expect(name).toContain('.')
  expect(name).not.toMatch(/(^|\.)(localhost|local|internal|lan|home)$/)
}

describe.each([
  ['postgres', 'url', url('postgres:', 'postgresql:', 'https:')],
  ['webhook', 'url', url('https:', 'http:', 'ftp:')],
  ['smtp', 'host', host],
] as const)('the address in a secret for %s', (name, field, good) => {
  test('is a public host’s, or it is refused', () => {
    const type = credentialType('integration', name)!
    fc.assert(
      fc.property(hostileText(good), fc.constantFrom('25', '443', '587', '65536', 'x'), (text, port) => {
        const secret = { [field]: text, port, username: 'u', password: 'p' }
        const read = readingOf(() => destinationOf(type, undefined, secret, []), isDeclared)
        if (read) expectPublic(read.destinationHosts)
      }),
    )
  })
})

test.each([
  ['llm', 'openai-compatible'],
  ['integration', 'jira'],
  ['exchange', 'binance'],
] as const)('a base URL of %s %s is a public host’s without user, password or key', (kind, name) => {
  const type = credentialType(kind, name)!
  const known = fc.constantFrom('https://api.binance.com', 'https://testnet.binance.vision/')
  fc.assert(
    fc.property(hostileText(url('https:', 'http:', 'file:'), known), (text) => {
      const read = readingOf(() => destinationOf(type, text, {}, []), isDeclared)
      if (!read) return
      expectPublic(read.destinationHosts)
      const { username, password, hash } = new URL(read.baseUrl!)
      expect([username, password, hash]).toEqual(['', '', ''])
      if (kind === 'exchange') expect(type.baseUrls!.concat(type.defaultBaseUrl!)).toContain(read.baseUrl)
    }),
  )
})
