import { generateKeyPairSync } from 'node:crypto'
import { exchangeCatalog } from '@nora/contract/exchange-catalog'
import { expect, test } from 'vitest'
import { apiKey, apiSecret, exchanges, passphrase } from './testing/exchange-stand-ins.ts'
import { standIn } from './testing/stand-in.ts'

const it = standIn()
const named = Object.entries(exchanges)

test('every exchange that the catalogue says can be tried is tried here', () => {
  const testable = exchangeCatalog.filter((entry) => entry.test !== null).map((entry) => entry.provider)
  expect([...Object.keys(exchanges), 'hyperliquid'].sort()).toEqual([...testable].sort())
})

test.each(named)('%s takes the signature, and only the right one', async (name, exchange) => {
  it.answer = (asked) => (exchange.verify(asked) ? { status: 200, json: exchange.good } : exchange.wrong)
  const reason = `127.0.0.1:${it.port} accepted the key`
  expect(await it.tryOut('exchange', name, exchange.secret)).toEqual({ outcome: 'works', reason })
  const entry = exchangeCatalog.find((one) => one.provider === name)!
  expect(`${it.asked[0]!.method} ${it.asked[0]!.path}`).toBe(entry.test)

  const another = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const wrongSecret = exchange.secret['privateKey']
    ? { privateKey: another.export({ format: 'pem', type: 'pkcs8' }) as string }
    : { apiSecret: Buffer.from('another-secret').toString('base64') }
  const refused = await it.tryOut('exchange', name, { ...exchange.secret, ...wrongSecret })
  expect(refused.outcome).toBe('refused')
  expect(refused.reason).toMatch(/refused the key/)
})

test('none of it is in the log, the result or the audit, whatever the exchange says back', async () => {
  for (const [name, exchange] of named) {
    const echo = JSON.stringify([exchange.secret, apiKey, apiSecret, passphrase])
    for (const status of [200, 400, 401, 500]) {
      it.answer = ({ headers, body }) => ({
        status,
        json: {
          code: apiSecret,
          retCode: apiKey,
          label: apiSecret,
          error: [apiSecret],
          msg: echo,
          headers,
          body,
        },
      })
      const result = await it.tryOut('exchange', name, exchange.secret)
      const rows = await it.database.asSuperuser('select details from nora.audit_log')
      for (const secret of Object.values(exchange.secret)) {
        expect(JSON.stringify([result, rows, it.logged])).not.toContain(JSON.stringify(secret).slice(1, -1))
      }
    }
  }
})

test('the audit says that it was tried and how it ended, not at whom', async () => {
  it.answer = () => ({ status: 401 })
  await it.tryOut('exchange', 'binance', { apiKey, apiSecret })
  const [row] = await it.database.asSuperuser(
    `select details from nora.audit_log where event_type = 'EXCHANGE_CREDENTIAL_TESTED' order by seq desc limit 1`,
  )
  expect(row!['details']).toEqual({ outcome: 'refused', secretVersion: 1 })
})

test.each([
  [
    'bybit',
    { retCode: 0, result: { readOnly: 0, permissions: { Wallet: ['AccountTransfer', 'Withdraw'] } } },
  ],
  ['okx', { code: '0', data: [{ perm: 'read_only,withdraw,trade' }] }],
  ['coinbase', { can_view: true, can_trade: true, can_transfer: true }],
])('%s: a key that may move funds is said to', async (name, json) => {
  it.answer = () => ({ status: 200, json })
  const { outcome, reason } = await it.tryOut('exchange', name, exchanges[name]!.secret)
  expect([outcome, reason]).toEqual(['works', expect.stringContaining('it may move funds')])
})

test.each([
  ['kraken', { apiKey, apiSecret: 'not base64 at all!' }, 'is not base64'],
  ['coinbase', { apiKey: 'k', privateKey: 'canary-not-a-key' }, 'is not an ECDSA key'],
  ['binance', { apiKey: 'a\r\nx-evil: 1', apiSecret }, 'no API key can have'],
  ['dydx', { walletAddress: 'dydx1x', mnemonic: 'm' }, 'no call that would tell'],
])('%s: what cannot be tried is not sent anywhere', async (name, secret, words) => {
  expect(await it.tryOut('exchange', name, secret)).toMatchObject({
    outcome: 'refused',
    reason: expect.stringContaining(words),
  })
  expect(it.asked).toEqual([])
})

// Known pairs of the curve's documentation: the private keys 1 and 2.
const one = `0x${'0'.repeat(63)}1`
const addressOfOne = '0x7e5f4552091a69125d5dfcb7b8c2659029395bdf'
const account = `0x${'a'.repeat(40)}`

test.each([
  [addressOfOne.toUpperCase().replace('0X', '0x'), { role: 'user' }, 'works', 'may withdraw'],
  [account, { role: 'agent', data: { user: account } }, 'works', 'accepted the key'],
  [
    account,
    { role: 'agent', data: { user: `0x${'b'.repeat(40)}` } },
    'refused',
    'approved by another account',
  ],
  [account, { role: 'user' }, 'refused', 'has not approved'],
  [account, { role: 'missing' }, 'refused', 'has not approved'],
])('hyperliquid: to %s its wallet is %j', async (walletAddress, json, outcome, words) => {
  it.answer = () => ({ status: 200, json })
  const result = await it.tryOut('exchange', 'hyperliquid', { walletAddress, privateKey: one })
  expect(result).toMatchObject({ outcome, reason: expect.stringContaining(words) })
  expect(it.asked).toMatchObject([{ method: 'POST', path: '/info' }])
  // Its address is asked about; the key stays here.
  expect(JSON.parse(it.asked[0]!.body)).toEqual({ type: 'userRole', user: addressOfOne })
})
