import { from, fromAtHome, signedIn } from '../cells.ts'
import { type Row, route } from '../row.ts'
import { sharedCredentialRows } from './shared-credentials.ts'

const github = { provider: 'github', label: 'mine', secret: { token: 'ghp-of-the-authorization-test' } }
const binance = {
  exchange: 'binance',
  label: 'mine',
  secret: { apiKey: 'authorization-test', apiSecret: 'x' },
}
const trading = 'trading_enabled'
const own = 'an own one'
const hidden = 'somebody else’s'
/** A viewer has none of their own, and sees nobody else's. */
const ownersFrom = (outcome: number) => ({ ...from('editor', outcome), viewer: '404 not-found' as const })

export const integrationRows: Row[] = sharedCredentialRows('integrations', github, {
  shared: 'integration',
  hidden: 'hiddenIntegration',
  own: 'ownIntegration',
  operation: 'integrationOperation',
})

/** Whatever somebody's role: an exchange credential of another is not there. */
export const exchangeCredentialRows: Row[] = [
  route('GET /api/exchange-credentials/catalog', signedIn(200)),
  route('POST /api/exchange-credentials', fromAtHome('editor', 201), { body: binance }),
  route('POST /api/exchange-credentials', fromAtHome('editor', 201), {
    when: 'one to trade with at once',
    body: { ...binance, permission: trading },
    stepUp: true,
  }),
  route('GET /api/exchange-credentials', fromAtHome('viewer', 200)),
  route('GET /api/exchange-credentials/:id', ownersFrom(200), {
    when: own,
    ids: { id: 'ownExchangeCredential' },
  }),
  route('GET /api/exchange-credentials/:id', from('viewer', '404 not-found'), {
    when: hidden,
    ids: { id: 'exchangeCredential' },
  }),
  route('PUT /api/exchange-credentials/:id', from('editor', 200), {
    when: own,
    ids: { id: 'ownExchangeCredential' },
    body: { secret: binance.secret },
  }),
  route('PUT /api/exchange-credentials/:id', from('editor', '404 not-found'), {
    when: hidden,
    ids: { id: 'exchangeCredential' },
    body: { secret: binance.secret },
  }),
  route('PATCH /api/exchange-credentials/:id', from('editor', 200), {
    when: 'an own one, to trade with',
    ids: { id: 'ownExchangeCredential' },
    body: { permission: trading },
    stepUp: true,
  }),
  route('PATCH /api/exchange-credentials/:id', from('editor', 200), {
    when: 'an own one, to read with',
    ids: { id: 'ownExchangeCredential' },
    body: { permission: 'read_only' },
  }),
  route('PATCH /api/exchange-credentials/:id', from('editor', '404 not-found'), {
    when: hidden,
    ids: { id: 'exchangeCredential' },
    body: { permission: trading },
  }),
  route('DELETE /api/exchange-credentials/:id', from('editor', 204), {
    when: own,
    ids: { id: 'ownExchangeCredential' },
  }),
  route('DELETE /api/exchange-credentials/:id', from('editor', '404 not-found'), {
    when: hidden,
    ids: { id: 'exchangeCredential' },
  }),
  route('POST /api/exchange-credentials/:id/test', from('editor', 202), {
    when: own,
    ids: { id: 'ownExchangeCredential' },
  }),
  route('POST /api/exchange-credentials/:id/test', from('editor', '404 not-found'), {
    when: hidden,
    ids: { id: 'exchangeCredential' },
  }),
  route('GET /api/exchange-credentials/:id/operations/:opId', ownersFrom(200), {
    when: own,
    ids: { id: 'ownExchangeCredential', opId: 'ownExchangeOperation' },
  }),
  route('GET /api/exchange-credentials/:id/operations/:opId', from('viewer', '404 not-found'), {
    when: hidden,
    ids: { id: 'exchangeCredential', opId: 'exchangeOperation' },
  }),
]
