import { bytesOf, type Form, memberOf, textOf } from './call.ts'
import { byCode, wrongClock, wrongKey, wrongPassphrase, wrongSecret } from './exchange-answers.ts'
import { get, key, secret, signedPath } from './exchange-requests.ts'
import { fromBase64, hmac } from './signatures.ts'

// Each signs as its exchange documents it; the links stand in the catalogue.

export const coinbaseExchange: Form = ({ base, fields, now }) => {
  const path = '/accounts'
  const at = String(Math.floor(now / 1000))
  const bytes = fromBase64(secret(fields))
  const signature = hmac('sha256', bytes, `${at}GET${signedPath(base, path)}`).toString('base64')
  bytes.fill(0)
  return get(base, path, {
    'cb-access-key': key(fields),
    'cb-access-sign': signature,
    'cb-access-timestamp': at,
    'cb-access-passphrase': textOf(fields, 'passphrase'),
  })
}

export const okx: Form = ({ base, fields, now }) => {
  const path = '/api/v5/account/config'
  const at = new Date(now).toISOString()
  const signature = hmac('sha256', secret(fields), `${at}GET${signedPath(base, path)}`).toString('base64')
  const why = {
    '50102': wrongClock,
    '50105': wrongPassphrase,
    '50110': wrongKey,
    '50111': wrongKey,
    '50113': wrongSecret,
    '50119': wrongKey,
  }
  return {
    ...get(base, path, {
      'ok-access-key': key(fields),
      'ok-access-sign': signature,
      'ok-access-timestamp': at,
      'ok-access-passphrase': textOf(fields, 'passphrase'),
    }),
    judge: byCode(['code'], '0', why, (json) =>
      String(memberOf(json, 'data', '0', 'perm') ?? '')
        .split(',')
        .includes('withdraw'),
    ),
  }
}

export const kucoin: Form = ({ base, fields, now }) => {
  const path = '/api/v1/accounts'
  const signed = (text: string | Buffer) => hmac('sha256', secret(fields), text).toString('base64')
  const why = {
    '400002': wrongClock,
    '400003': wrongKey,
    '400004': wrongPassphrase,
    '400005': wrongSecret,
    '400006': wrongKey,
  }
  return {
    ...get(base, path, {
      'kc-api-key': key(fields),
      'kc-api-sign': signed(`${now}GET${signedPath(base, path)}`),
      'kc-api-timestamp': String(now),
      'kc-api-passphrase': signed(bytesOf(fields, 'passphrase')),
      'kc-api-key-version': '2',
    }),
    judge: byCode(['code'], '200000', why),
  }
}

export const bitget: Form = ({ base, fields, now }) => {
  const path = '/api/v2/spot/account/assets'
  const signature = hmac('sha256', secret(fields), `${now}GET${signedPath(base, path)}`).toString('base64')
  const why = {
    '40006': wrongKey,
    '40008': wrongClock,
    '40009': wrongSecret,
    '40012': wrongPassphrase,
    '40018': wrongKey,
    '40037': wrongKey,
  }
  return {
    ...get(base, path, {
      'access-key': key(fields),
      'access-sign': signature,
      'access-timestamp': String(now),
      'access-passphrase': textOf(fields, 'passphrase'),
    }),
    judge: byCode(['code'], '00000', why),
  }
}
