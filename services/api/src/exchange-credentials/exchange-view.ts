import { exchangeCatalog } from '@nora/contract/exchange-catalog'
import type { ExchangeCredential } from '@nora/contract/exchange-credentials'
import type { CredentialRow } from '@nora/db/credentials'
import type { Family } from '../provider-keys/family.ts'
import { shownView } from '../provider-keys/key-view.ts'

export const exchangeNamed = (name: string) => exchangeCatalog.find((entry) => entry.provider === name)

export const exchangeCredentials: Family<ExchangeCredential> = {
  kind: 'exchange',
  path: 'exchange-credentials',
  event: 'EXCHANGE_CREDENTIAL',
  target: 'exchange-credential',
  inUse: 'exchange-credential-in-use',
  typeNamed: (name) => {
    const type = exchangeNamed(name)
    return type && { ...type, tested: type.test !== null }
  },
  view: (row: CredentialRow): ExchangeCredential => ({
    ...shownView(row),
    exchange: row.provider,
    walletAddress: row.wallet_address,
    permission: row.permission ?? 'read_only',
  }),
  discreet: true,
}
