import { bytesOf, type Form, memberOf, textOf } from './call.ts'
import { mayMoveFunds } from './exchange-answers.ts'
import { get, key, signedPath } from './exchange-requests.ts'
import { binanceLike, bybit, gate, kraken } from './hmac-exchanges.ts'
import { hyperliquidForm } from './hyperliquid.ts'
import { bitget, coinbaseExchange, kucoin, okx } from './passphrase-exchanges.ts'
import { es256Token } from './signatures.ts'

const coinbase: Form = ({ base, fields, now }) => {
  const path = '/api/v3/brokerage/key_permissions'
  const name = textOf(fields, 'apiKey')
  const uri = `GET ${base.host}${signedPath(base, path)}`
  const token = es256Token(bytesOf(fields, 'privateKey'), name, uri, now)
  return {
    ...get(base, path, { authorization: `Bearer ${token}` }),
    judge: (status, json) =>
      status === 200 && memberOf(json, 'can_transfer') === true
        ? { works: true, remark: mayMoveFunds }
        : undefined,
  }
}

const alpaca: Form = ({ base, fields }) =>
  get(base, '/v2/account', {
    'apca-api-key-id': key(fields),
    'apca-api-secret-key': textOf(fields, 'apiSecret'),
  })

const forms: Record<string, Form> = {
  binance: binanceLike('x-mbx-apikey'),
  'binance-us': binanceLike('x-mbx-apikey'),
  mexc: binanceLike('x-mexc-apikey'),
  coinbase,
  'coinbase-exchange': coinbaseExchange,
  kraken,
  bybit,
  okx,
  kucoin,
  bitget,
  gate,
  alpaca,
  hyperliquid: hyperliquidForm,
}

/** The signed call of an exchange's that a wrong credential cannot make, or undefined where there is none. */
export const exchangeForm = (name: string): Form | undefined =>
  Object.hasOwn(forms, name) ? forms[name] : undefined
