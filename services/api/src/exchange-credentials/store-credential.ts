import type {
  CreateExchangeCredential,
  ExchangeCredential,
  ReplaceExchangeCredential,
} from '@nora/contract/exchange-credentials'
import type { Secret } from '@nora/contract/provider-keys'
import { withActor } from '@nora/db/actor'
import { DomainError } from '@nora/domain/errors'
import type { FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'
import type { Outcome } from '../http/idempotency.ts'
import type { RequestActor } from '../http/sessions.ts'
import { createKey } from '../provider-keys/create-key.ts'
import { ownKey } from '../provider-keys/own-key.ts'
import { needsSecret, replaceKey } from '../provider-keys/replace-key.ts'
import { enableTrading } from './change-credential.ts'
import { exchangeCredentials, exchangeNamed } from './exchange-view.ts'

/**
 * Stores an exchange credential of the caller's; with `trading_enabled` what enabling it asks for is asked first. DomainErrors
 * of `createKey` and `enableTrading`.
 */
export function createCredential(
  deps: Deps,
  request: FastifyRequest,
  input: CreateExchangeCredential,
): Promise<Outcome> {
  const { exchange, label, baseUrl, permission } = input
  const key = {
    provider: exchange,
    label,
    secret: withWallet(exchange, input.secret, input.walletAddress),
    ...(baseUrl !== undefined && { baseUrl }),
  }
  return createKey(deps, request, exchangeCredentials, key, async (tx, id) => {
    if (permission === 'trading_enabled') await enableTrading(deps, tx, request.actor, id)
  })
}

/** Changes a credential's secret, with what is sealed beside it, or its label. DomainErrors of `replaceKey`. */
export async function replaceCredential(
  deps: Deps,
  who: RequestActor,
  id: string,
  { secret, label, walletAddress, baseUrl }: ReplaceExchangeCredential,
): Promise<ExchangeCredential> {
  if (!secret && walletAddress !== undefined) throw needsSecret('walletAddress')
  const change = {
    ...(label !== undefined && { label }),
    ...(baseUrl !== undefined && { baseUrl }),
  }
  if (!secret) return replaceKey(deps, who, exchangeCredentials, id, change, false)
  const current = await withActor(deps.db, who.actor, (tx) => ownKey(tx, exchangeCredentials, who, id))
  // An account's address stays with another key of the same account.
  const wallet = walletAddress ?? secret['walletAddress'] ?? current.wallet_address ?? undefined
  const sealed = withWallet(current.provider, secret, wallet)
  return replaceKey(deps, who, exchangeCredentials, id, { ...change, secret: sealed }, false)
}

/**
 * The address is sealed with the secret, so that an agent is given the one that its owner stored. It is shown, too, so
 * whatever is not an address, such as a key pasted into the wrong box, is refused.
 */
function withWallet(exchange: string, secret: Secret, given: string | undefined): Secret {
  const type = exchangeNamed(exchange)
  if (!type) throw new DomainError('provider-unknown')
  const wallet = (given ?? secret['walletAddress'])?.trim()
  if (wallet === undefined) return secret
  if (type.walletAddress === null) throw wrong('is not used by this exchange')
  if (!new RegExp(type.walletAddress).test(wallet)) throw wrong('is not an address of this exchange')
  return { ...secret, walletAddress: wallet }
}

const wrong = (message: string) =>
  new DomainError('bad-request', { errors: [{ path: 'body/walletAddress', message }] })
