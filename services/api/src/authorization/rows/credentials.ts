import { from, fromAtHome, signedIn } from '../cells.ts'
import { type Row, route } from '../row.ts'

const github = { provider: 'github', label: 'mine', secret: { token: 'ghp-of-the-authorization-test' } }
const binance = {
  exchange: 'binance',
  label: 'mine',
  secret: { apiKey: 'authorization-test', apiSecret: 'x' },
}
const trading = 'trading_enabled'
const others = 'shared by somebody else'
const own = 'an own one'
const hidden = 'somebody else’s'
/** A viewer has none of their own, and sees nobody else's. */
const ownersFrom = (outcome: number) => ({ ...from('editor', outcome), viewer: '404 not-found' as const })

/** As rows/provider-keys.ts: they are shared in the same way. */
export const integrationRows: Row[] = [
  route('GET /api/integrations/catalog', signedIn(200)),
  route('POST /api/integrations', fromAtHome('editor', 201), { body: github }),
  route('GET /api/integrations', fromAtHome('viewer', 200)),
  route('GET /api/integrations/:id', from('viewer', 200), { when: others, ids: { id: 'integration' } }),
  route('GET /api/integrations/:id', from('viewer', '404 not-found'), {
    when: 'somebody else’s, not shared',
    ids: { id: 'hiddenIntegration' },
  }),
  route('PUT /api/integrations/:id', from('editor', 200), {
    when: own,
    ids: { id: 'ownIntegration' },
    body: { secret: github.secret },
  }),
  route('PUT /api/integrations/:id', from('editor', '403 forbidden'), {
    when: others,
    ids: { id: 'integration' },
    body: { secret: github.secret },
  }),
  route('PATCH /api/integrations/:id', from('editor', 200), {
    when: own,
    ids: { id: 'ownIntegration' },
    body: { label: 'renamed' },
  }),
  route('PATCH /api/integrations/:id', from('editor', '403 forbidden'), {
    when: others,
    ids: { id: 'integration' },
    body: { label: 'renamed' },
  }),
  route('DELETE /api/integrations/:id', from('editor', 204), { when: own, ids: { id: 'ownIntegration' } }),
  route('DELETE /api/integrations/:id', from('editor', '403 forbidden'), {
    when: others,
    ids: { id: 'integration' },
  }),
  route('POST /api/integrations/:id/test', from('editor', 202), { ids: { id: 'integration' } }),
  route('GET /api/integrations/:id/operations/:opId', from('viewer', 200), {
    ids: { id: 'integration', opId: 'integrationOperation' },
  }),
]

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
