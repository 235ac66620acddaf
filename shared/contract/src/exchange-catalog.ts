import type { CredentialType, Field } from './credential-types.ts'

export type Exchange = CredentialType & {
  /** The spelling of the account's address where the exchange knows accounts by one; null: it does not. */
  walletAddress: string | null
  /** The call with which a worker tries it, for people. Null where the exchange has none that takes the key. */
  test: string | null
}

const secret = (name: string, title: string): Field => ({ name, title, secret: true })
const apiKey = secret('apiKey', 'API key')
const apiSecret = secret('apiSecret', 'API secret')
const passphrase = secret('passphrase', 'Passphrase')
const walletAddress: Field = { name: 'walletAddress', title: 'Wallet address', secret: false }

const exchange = (
  provider: string,
  name: string,
  docsUrl: string,
  defaultBaseUrl: string,
  rest: Partial<Exchange> & Pick<Exchange, 'test'>,
): Exchange => {
  const fields = rest.fields ?? [apiKey, apiSecret]
  return {
    provider,
    name,
    docsUrl,
    fields,
    anyFields: false,
    alternatives: [fields.map((field) => field.name)],
    baseUrl: 'listed',
    baseUrls: [],
    defaultBaseUrl,
    walletAddress: null,
    ...rest,
  }
}

/** Every exchange a credential can be stored for. The order is the one people see. */
export const exchangeCatalog: readonly Exchange[] = [
  exchange(
    'binance',
    'Binance',
    'https://developers.binance.com/docs/binance-spot-api-docs/rest-api/request-security',
    'https://api.binance.com',
    { baseUrls: ['https://testnet.binance.vision'], test: 'GET /api/v3/account' },
  ),
  exchange('binance-us', 'Binance.US', 'https://docs.binance.us/', 'https://api.binance.us', {
    test: 'GET /api/v3/account',
  }),
  // Advanced Trade: the key's name and its private key, which signs a token for each call.
  exchange(
    'coinbase',
    'Coinbase',
    'https://docs.cdp.coinbase.com/coinbase-app/authentication-authorization/api-key-authentication',
    'https://api.coinbase.com',
    {
      fields: [secret('apiKey', 'API key name'), secret('privateKey', 'Private key (ECDSA, PEM)')],
      test: 'GET /api/v3/brokerage/key_permissions',
    },
  ),
  exchange(
    'coinbase-exchange',
    'Coinbase Exchange',
    'https://docs.cdp.coinbase.com/exchange/rest-api/authentication',
    'https://api.exchange.coinbase.com',
    {
      fields: [apiKey, apiSecret, passphrase],
      baseUrls: ['https://api-public.sandbox.exchange.coinbase.com'],
      test: 'GET /accounts',
    },
  ),
  exchange(
    'kraken',
    'Kraken',
    'https://docs.kraken.com/api/docs/guides/spot-rest-auth',
    'https://api.kraken.com',
    { fields: [apiKey, secret('apiSecret', 'Private key')], test: 'POST /0/private/Balance' },
  ),
  exchange('bybit', 'Bybit', 'https://bybit-exchange.github.io/docs/v5/guide', 'https://api.bybit.com', {
    baseUrls: ['https://api.bybit.eu', 'https://api-demo.bybit.com', 'https://api-testnet.bybit.com'],
    test: 'GET /v5/user/query-api',
  }),
  // An account belongs to the region it was opened in.
  exchange(
    'okx',
    'OKX',
    'https://www.okx.com/docs-v5/en/#overview-rest-authentication',
    'https://www.okx.com',
    {
      fields: [apiKey, apiSecret, passphrase],
      baseUrls: ['https://eea.okx.com', 'https://us.okx.com'],
      test: 'GET /api/v5/account/config',
    },
  ),
  exchange('kucoin', 'KuCoin', 'https://www.kucoin.com/docs-new/authentication', 'https://api.kucoin.com', {
    fields: [apiKey, apiSecret, passphrase],
    test: 'GET /api/v1/accounts',
  }),
  exchange('bitget', 'Bitget', 'https://www.bitget.com/api-doc/common/signature', 'https://api.bitget.com', {
    fields: [apiKey, apiSecret, passphrase],
    test: 'GET /api/v2/spot/account/assets',
  }),
  exchange('gate', 'Gate', 'https://www.gate.com/docs/developers/apiv4/', 'https://api.gateio.ws', {
    test: 'GET /api/v4/spot/accounts',
  }),
  exchange('mexc', 'MEXC', 'https://mexcdevelop.github.io/apidocs/spot_v3_en/', 'https://api.mexc.com', {
    test: 'GET /api/v3/account',
  }),
  exchange('alpaca', 'Alpaca', 'https://docs.alpaca.markets/', 'https://api.alpaca.markets', {
    baseUrls: ['https://paper-api.alpaca.markets'],
    test: 'GET /v2/account',
  }),
  // An API wallet signs for the account whose address stands beside it; it cannot withdraw.
  exchange(
    'hyperliquid',
    'Hyperliquid',
    'https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/nonces-and-api-wallets',
    'https://api.hyperliquid.xyz',
    {
      fields: [walletAddress, secret('privateKey', 'Private key of the API wallet')],
      baseUrls: ['https://api.hyperliquid-testnet.xyz'],
      walletAddress: '^0x[0-9a-fA-F]{40}$',
      test: 'POST /info, the role of the wallet that the private key belongs to',
    },
  ),
  // Orders are transactions of a chain: no call takes a key, so nothing can be asked that would tell.
  exchange('dydx', 'dYdX', 'https://docs.dydx.xyz/', 'https://indexer.dydx.trade', {
    fields: [
      walletAddress,
      secret('mnemonic', 'Mnemonic'),
      secret('privateKey', 'Private key of a permissioned key'),
    ],
    alternatives: [
      ['walletAddress', 'mnemonic'],
      ['walletAddress', 'privateKey'],
    ],
    baseUrls: ['https://indexer.v4testnet.dydx.exchange'],
    walletAddress: '^dydx1[02-9ac-hj-np-z]{38}$',
    test: null,
  }),
]
