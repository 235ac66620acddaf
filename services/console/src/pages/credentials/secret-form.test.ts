import { describe, expect, test } from 'vitest'
import type { CatalogEntry } from './calls.ts'
import { destinationsOf, hasLines, listed, readSecret, searchCatalog, waysToFill } from './secret-form.ts'

const entry = (rest: Partial<CatalogEntry>): CatalogEntry => ({
  ...{ provider: 'acme', name: 'Acme', docsUrl: null, anyFields: false, addressField: null, testable: true },
  fields: [{ name: 'apiKey', title: 'API key', required: true, secret: true }],
  ...{ alternatives: [['apiKey']], baseUrl: 'none', defaultBaseUrl: null, baseUrls: [] },
  destinationHosts: ['api.acme.test'],
  ...rest,
})
const form = (values: Record<string, string>) => {
  const data = new FormData()
  for (const [name, value] of Object.entries(values)) data.set(name, value)
  return data
}

const twilio = entry({
  fields: [
    { name: 'accountSid', title: 'Account SID', required: true, secret: false },
    { name: 'authToken', title: 'Auth token', required: false, secret: true },
    { name: 'apiKeySid', title: 'API key SID', required: false, secret: false },
    { name: 'apiKeySecret', title: 'API key secret', required: false, secret: true },
  ],
  alternatives: [
    ['accountSid', 'authToken'],
    ['accountSid', 'apiKeySid', 'apiKeySecret'],
  ],
})

describe('a secret of known fields', () => {
  test('is read without the white space that pasting brings, and without empty fields', () => {
    const read = readSecret(
      form({ 'secret.accountSid': ' AC1 \n', 'secret.authToken': 'x', 'secret.apiKeySid': '' }),
      twilio,
    )
    expect(read).toEqual({ secret: { accountSid: 'AC1', authToken: 'x' } })
  })

  test('names the fields that are missing', () => {
    expect(readSecret(form({ 'secret.authToken': 'x' }), twilio)).toEqual({
      errors: { 'secret.accountSid': 'Fill this in.' },
    })
  })

  test('says which ways there are when none is complete', () => {
    const ways = 'Fill in Account SID and Auth token, or Account SID, API key SID and API key secret'
    expect(waysToFill(twilio)).toBe(ways)
    expect(readSecret(form({ 'secret.accountSid': 'AC1', 'secret.apiKeySid': 's' }), twilio)).toEqual({
      errors: { 'secret.accountSid': `${ways}.` },
    })
  })

  test('may leave out what stays', () => {
    const wallet = entry({
      fields: [
        { name: 'walletAddress', title: 'Wallet address', required: true, secret: false },
        { name: 'privateKey', title: 'Private key', required: true, secret: true },
      ],
      alternatives: [['walletAddress', 'privateKey']],
    })
    expect(readSecret(form({ 'secret.privateKey': 'k' }), wallet, ['walletAddress'])).toEqual({
      secret: { privateKey: 'k' },
    })
    expect(readSecret(form({ 'secret.privateKey': 'k' }), wallet)).toHaveProperty('errors')
  })
})

describe('a secret of names that somebody chooses', () => {
  const custom = entry({ anyFields: true, fields: [], alternatives: [] })

  test('takes each pair, and skips one that is empty', () => {
    const pairs = { 'pair.0.name': 'TOKEN', 'pair.0.value': ' a ', 'pair.1.name': '', 'pair.1.value': '' }
    expect(readSecret(form(pairs), custom)).toEqual({ secret: { TOKEN: ' a ' } })
  })

  test('refuses names that no variable can have, doubles and empty values', () => {
    const pairs = {
      ...{ 'pair.0.name': 'A', 'pair.0.value': 'a', 'pair.1.name': 'A', 'pair.1.value': 'b' },
      ...{ 'pair.2.name': '1x', 'pair.2.value': '' },
    }
    expect(Object.keys((readSecret(form(pairs), custom) as { errors: object }).errors).sort()).toEqual([
      'pair.1.name',
      'pair.2.name',
      'pair.2.value',
    ])
    expect(readSecret(form({ 'pair.0.name': '', 'pair.0.value': '' }), custom)).toHaveProperty('errors')
  })
})

test('says where a secret goes while its base URL is typed', () => {
  const open = entry({ baseUrl: 'optional' })
  expect(destinationsOf(open, '')).toEqual(['api.acme.test'])
  expect(destinationsOf(open, 'https://eu.acme.test:8443/v1')).toEqual(['eu.acme.test:8443'])
  expect(destinationsOf(open, 'https:/')).toEqual([])
  expect(destinationsOf(entry({}), 'https://elsewhere.test')).toEqual(['api.acme.test'])
})

test('finds entries by name and by where they go', () => {
  const entries = [entry({}), entry({ provider: 'other', name: 'Other Inc', destinationHosts: ['o.test'] })]
  expect(searchCatalog(entries, 'inc OTHER').map(({ name }) => name)).toEqual(['Other Inc'])
  expect(searchCatalog(entries, 'api.acme')).toHaveLength(1)
  expect(searchCatalog(entries, ' ')).toHaveLength(2)
})

test('knows secrets of several lines', () => {
  expect(hasLines({ title: 'Private key (ECDSA, PEM)' })).toBe(true)
  expect(hasLines({ title: 'Private key' })).toBe(false)
})

test('lists words', () => {
  expect([listed([]), listed(['a']), listed(['a', 'b', 'c'])]).toEqual(['', 'a', 'a, b and c'])
})
