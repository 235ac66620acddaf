import { type Form, memberOf, under } from './call.ts'
import { byCode, wrongClock, wrongKey, wrongSecret } from './exchange-answers.ts'
import { get, key, secret, signedPath } from './exchange-requests.ts'
import { fromBase64, hash, hmac } from './signatures.ts'

// Each signs as its exchange documents it; the links stand in the catalogue.

/** Binance and those who took over its form: the query is signed, in hex. */
export const binanceLike =
  (header: string): Form =>
  ({ base, fields, now }) => {
    const query = `recvWindow=10000&timestamp=${now}`
    const signature = hmac('sha256', secret(fields), query).toString('hex')
    return {
      ...get(base, `/api/v3/account?${query}&signature=${signature}`, { [header]: key(fields) }),
      judge: (status, json) => {
        const why: Record<string, string> = {
          '-1021': wrongClock,
          '-1022': wrongSecret,
          '-2014': wrongKey,
          '-2015': wrongKey,
        }
        const words = status < 300 ? undefined : why[String(memberOf(json, 'code'))]
        return words ? { works: false, why: words } : undefined
      },
    }
  }

/** Signs a path with the hash of nonce and body, HMAC-SHA512. */
export function krakenSignature(apiSecret: Buffer, path: string, nonce: string, body: string): string {
  const bytes = fromBase64(apiSecret)
  const signature = hmac('sha512', bytes, path, hash('sha256', `${nonce}${body}`)).toString('base64')
  bytes.fill(0)
  return signature
}

export const kraken: Form = ({ base, fields, now }) => {
  const path = '/0/private/Balance'
  // In milliseconds, the coarsest that anybody counts in: a finer one would lock out who goes on in coarser ones.
  const nonce = String(now)
  const body = `nonce=${nonce}`
  const sign = krakenSignature(secret(fields), signedPath(base, path), nonce, body)
  return {
    url: under(base, path),
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'api-key': key(fields),
      'api-sign': sign,
    },
    body,
    judge: (_, json) => {
      const errors = memberOf(json, 'error')
      if (!Array.isArray(errors)) return undefined
      if (errors.length === 0) return { works: true }
      const why: Record<string, string> = {
        'EAPI:Invalid key': wrongKey,
        'EAPI:Invalid signature': wrongSecret,
        'EAPI:Invalid nonce': 'the key was used with a later nonce, so whether it works is not known',
        'EGeneral:Permission denied': 'the key may not query funds',
      }
      return { works: false, why: why[String(errors[0])] ?? 'the exchange does not say why' }
    },
  }
}

export const bybit: Form = ({ base, fields, now }) => {
  const window = '10000'
  const signature = hmac('sha256', secret(fields), `${now}${key(fields)}${window}`).toString('hex')
  const why = {
    '10002': wrongClock,
    '10003': wrongKey,
    '10004': wrongSecret,
    '10010': wrongKey,
    '33004': wrongKey,
  }
  return {
    ...get(base, '/v5/user/query-api', {
      'x-bapi-api-key': key(fields),
      'x-bapi-timestamp': String(now),
      'x-bapi-recv-window': window,
      'x-bapi-sign': signature,
    }),
    judge: byCode(['retCode'], '0', why, (json) => {
      const wallet = memberOf(json, 'result', 'permissions', 'Wallet')
      return (
        memberOf(json, 'result', 'readOnly') === 0 && Array.isArray(wallet) && wallet.includes('Withdraw')
      )
    }),
  }
}

export const gate: Form = ({ base, fields, now }) => {
  const path = '/api/v4/spot/accounts'
  const at = String(Math.floor(now / 1000))
  const text = ['GET', signedPath(base, path), '', hash('sha512', '').toString('hex'), at].join('\n')
  const why = {
    INVALID_KEY: wrongKey,
    INVALID_SIGNATURE: wrongSecret,
    REQUEST_EXPIRED: wrongClock,
    IP_FORBIDDEN: wrongKey,
    FORBIDDEN: 'the key may not read the spot account',
  }
  return {
    ...get(base, path, {
      key: key(fields),
      timestamp: at,
      sign: hmac('sha512', secret(fields), text).toString('hex'),
    }),
    judge: byCode(['label'], '', why),
  }
}
