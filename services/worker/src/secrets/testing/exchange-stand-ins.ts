import { createHash, createHmac, createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import type { Asked, Said } from './stand-in.ts'

// Each stand-in checks the signature as its exchange documents it, from the request alone and its own copy of the secret.

export const apiKey = 'canary-key-0123456789'
export const apiSecret = Buffer.from('canary-secret-0123456789').toString('base64')
export const passphrase = 'canary-passphrase'
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }) as string

const mac = (digest: string, key: string | Buffer, text: string | Buffer) =>
  createHmac(digest, key).update(text).digest()
const decoded = Buffer.from(apiSecret, 'base64')
/** Fresh to the second: within a minute of now. */
const fresh = (milliseconds: number) => Math.abs(Date.now() - milliseconds) < 60_000
const header = (asked: Asked, name: string) => String(asked.headers[name])

/** What an exchange is given, what it says to it, and to anything else. */
type Exchange = {
  secret: Record<string, string>
  good: unknown
  verify: (asked: Asked) => boolean
  wrong: Said
}

const binance = (name: string): Exchange => ({
  secret: { apiKey, apiSecret },
  good: { canTrade: true, balances: [] },
  verify: ({ method, path, query, headers }) => {
    const [text, signature] = query.split('&signature=') as [string, string]
    const at = Number(new URLSearchParams(text).get('timestamp'))
    return (
      `${method} ${path}` === 'GET /api/v3/account' &&
      headers[name] === apiKey &&
      fresh(at) &&
      signature === mac('sha256', apiSecret, text).toString('hex')
    )
  },
  wrong: { status: 400, json: { code: -1022, msg: 'Signature for this request is not valid.' } },
})

export const exchanges: Record<string, Exchange> = {
  binance: binance('x-mbx-apikey'),
  'binance-us': binance('x-mbx-apikey'),
  mexc: binance('x-mexc-apikey'),
  coinbase: {
    secret: { apiKey: 'organizations/o/apiKeys/k', privateKey: pem },
    good: { can_view: true, can_trade: true, can_transfer: false },
    verify: (asked) => {
      const [head, claims, signature] = header(asked, 'authorization')
        .replace('Bearer ', '')
        .split('.') as string[]
      const said = JSON.parse(Buffer.from(claims!, 'base64url').toString())
      const signed = verify(
        'sha256',
        Buffer.from(`${head}.${claims}`),
        {
          key: createPublicKey(publicKey.export({ format: 'pem', type: 'spki' })),
          dsaEncoding: 'ieee-p1363',
        },
        Buffer.from(signature!, 'base64url'),
      )
      const { alg, kid } = JSON.parse(Buffer.from(head!, 'base64url').toString())
      return (
        signed &&
        alg === 'ES256' &&
        kid === said.sub &&
        said.sub === 'organizations/o/apiKeys/k' &&
        said.iss === 'cdp' &&
        said.uri === `GET ${asked.headers.host}/api/v3/brokerage/key_permissions` &&
        said.exp - said.nbf === 120 &&
        fresh(said.nbf * 1000)
      )
    },
    wrong: { status: 401 },
  },
  'coinbase-exchange': {
    secret: { apiKey, apiSecret, passphrase },
    good: [],
    verify: (asked) => {
      const at = header(asked, 'cb-access-timestamp')
      return (
        asked.headers['cb-access-key'] === apiKey &&
        asked.headers['cb-access-passphrase'] === passphrase &&
        fresh(Number(at) * 1000) &&
        header(asked, 'cb-access-sign') === mac('sha256', decoded, `${at}GET/accounts`).toString('base64')
      )
    },
    wrong: { status: 401, json: { message: 'invalid signature' } },
  },
  kraken: {
    secret: { apiKey, apiSecret },
    good: { error: [], result: {} },
    verify: (asked) => {
      const nonce = new URLSearchParams(asked.body).get('nonce') ?? ''
      const inner = createHash('sha256').update(`${nonce}${asked.body}`).digest()
      const text = Buffer.concat([Buffer.from('/0/private/Balance'), inner])
      return (
        `${asked.method} ${asked.path}` === 'POST /0/private/Balance' &&
        asked.headers['content-type'] === 'application/x-www-form-urlencoded' &&
        asked.headers['api-key'] === apiKey &&
        fresh(Number(nonce)) &&
        header(asked, 'api-sign') === mac('sha512', decoded, text).toString('base64')
      )
    },
    wrong: { status: 200, json: { error: ['EAPI:Invalid signature'] } },
  },
  bybit: {
    secret: { apiKey, apiSecret },
    good: { retCode: 0, result: { readOnly: 1, permissions: { Wallet: [] } } },
    verify: (asked) => {
      const at = header(asked, 'x-bapi-timestamp')
      const text = `${at}${apiKey}${header(asked, 'x-bapi-recv-window')}${asked.query}`
      return (
        asked.path === '/v5/user/query-api' &&
        asked.headers['x-bapi-api-key'] === apiKey &&
        fresh(Number(at)) &&
        header(asked, 'x-bapi-sign') === mac('sha256', apiSecret, text).toString('hex')
      )
    },
    wrong: { status: 200, json: { retCode: 10004, retMsg: 'error sign!' } },
  },
  okx: {
    secret: { apiKey, apiSecret, passphrase },
    good: { code: '0', data: [{ perm: 'read_only' }] },
    verify: (asked) => {
      const at = header(asked, 'ok-access-timestamp')
      return (
        /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(at) &&
        fresh(Date.parse(at)) &&
        asked.headers['ok-access-key'] === apiKey &&
        asked.headers['ok-access-passphrase'] === passphrase &&
        header(asked, 'ok-access-sign') ===
          mac('sha256', apiSecret, `${at}GET/api/v5/account/config`).toString('base64')
      )
    },
    wrong: { status: 401, json: { code: '50113', msg: 'Invalid Sign' } },
  },
  kucoin: {
    secret: { apiKey, apiSecret, passphrase },
    good: { code: '200000', data: [] },
    verify: (asked) => {
      const at = header(asked, 'kc-api-timestamp')
      return (
        asked.headers['kc-api-key'] === apiKey &&
        asked.headers['kc-api-key-version'] === '2' &&
        fresh(Number(at)) &&
        header(asked, 'kc-api-passphrase') === mac('sha256', apiSecret, passphrase).toString('base64') &&
        header(asked, 'kc-api-sign') ===
          mac('sha256', apiSecret, `${at}GET/api/v1/accounts`).toString('base64')
      )
    },
    wrong: { status: 401, json: { code: '400005', msg: 'Invalid KC-API-SIGN' } },
  },
  bitget: {
    secret: { apiKey, apiSecret, passphrase },
    good: { code: '00000', data: [] },
    verify: (asked) => {
      const at = header(asked, 'access-timestamp')
      return (
        asked.headers['access-key'] === apiKey &&
        asked.headers['access-passphrase'] === passphrase &&
        fresh(Number(at)) &&
        header(asked, 'access-sign') ===
          mac('sha256', apiSecret, `${at}GET/api/v2/spot/account/assets`).toString('base64')
      )
    },
    wrong: { status: 400, json: { code: '40009', msg: 'sign signature error' } },
  },
  gate: {
    secret: { apiKey, apiSecret },
    good: [],
    verify: (asked) => {
      const at = header(asked, 'timestamp')
      const empty = createHash('sha512').update('').digest('hex')
      const text = `GET\n/api/v4/spot/accounts\n\n${empty}\n${at}`
      return (
        asked.headers['key'] === apiKey &&
        fresh(Number(at) * 1000) &&
        header(asked, 'sign') === mac('sha512', apiSecret, text).toString('hex')
      )
    },
    wrong: { status: 401, json: { label: 'INVALID_SIGNATURE', message: 'Signature mismatch' } },
  },
  alpaca: {
    secret: { apiKey, apiSecret },
    good: { status: 'ACTIVE' },
    verify: ({ path, headers }) =>
      path === '/v2/account' &&
      headers['apca-api-key-id'] === apiKey &&
      headers['apca-api-secret-key'] === apiSecret,
    wrong: { status: 403, json: { message: 'forbidden.' } },
  },
}
