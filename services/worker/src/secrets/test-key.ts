import { type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import type { AllowedHost } from '@nora/config/provider-hosts'
import { providerNamed } from '@nora/contract/provider-catalog'
import { type OperationActor, withActor } from '@nora/db/actor'
import { audit } from '@nora/db/audit'
import { reportSecurityEvent } from '@nora/db/fleet'
import type { DB } from '@nora/db/schema'
import { credentialOfOperation, type SealedRow } from '@nora/db/worker-credentials'
import { DomainError } from '@nora/domain/errors'
import type { Logger } from '@nora/log/logger'
import type { Kysely } from 'kysely'
import { type Keyring, OpenFailure, openFields } from './open-secret.ts'
import { DialError, type DialOptions, dialPublic } from './public-dialer.ts'
import { wasSealedFor } from './sealed-hosts.ts'
import { wipeFields } from './secret-fields.ts'

export type TestKeyDeps = {
  db: Kysely<DB>
  log: Logger
  keyring: Keyring
  allowHosts: readonly AllowedHost[]
  resolve?: DialOptions['resolve']
}

/** What becomes the operation's result. `reason` is for people. */
export type KeyTest = { outcome: 'works' | 'refused'; reason: string }

const answerMs = 15_000
const mostBytes = 64 * 1024

/**
 * Asks the provider, with the cheapest call that a wrong key cannot make, whether a stored key works. The key goes to
 * a host that its own sealed row names and to no other: through the public dialer, following no redirect. Every
 * outcome is a result; a key that does not open is reported besides.
 * @throws DomainError `not-found`; NR409 when the lease is lost.
 */
export async function testKey(
  deps: TestKeyDeps,
  actor: OperationActor,
  signal: AbortSignal,
): Promise<KeyTest> {
  const row = await withActor(deps.db, actor, async (tx, { credentialId }) =>
    credentialId === null ? undefined : credentialOfOperation(tx, credentialId),
  )
  if (!row) throw new DomainError('not-found')
  const result = await attempt(deps, actor, row, AbortSignal.any([signal, AbortSignal.timeout(answerMs)]))
  signal.throwIfAborted()
  await withActor(deps.db, actor, (tx) =>
    audit(tx, {
      type: 'PROVIDER_KEY_TESTED',
      actor: { kind: 'operation', id: actor.operationId },
      workspaceId: row.workspaceId,
      target: { kind: 'credential', id: row.id },
      details: { ...result, secretVersion: row.secretVersion },
    }),
  )
  return result
}

async function attempt(
  deps: TestKeyDeps,
  actor: OperationActor,
  row: SealedRow,
  signal: AbortSignal,
): Promise<KeyTest> {
  const url = testUrl(row)
  if (typeof url === 'string') return refused(url)
  try {
    const fields = await openFields(deps.keyring, row)
    try {
      return await ask(deps, row, url, fields, signal)
    } finally {
      wipeFields(fields)
    }
  } catch (error) {
    if (error instanceof DialError) return refused(`${url.host} could not be asked: ${error.message}`)
    if (!(error instanceof OpenFailure)) throw error
    await withActor(deps.db, actor, (tx) =>
      reportSecurityEvent(tx, {
        type: 'SECRET_OPEN_FAILED',
        workspaceId: row.workspaceId,
        target: { kind: 'credential', id: row.id },
        details: { reason: error.reason, keyVersion: row.keyVersion, secretVersion: row.secretVersion },
      }),
    )
    deps.log.error({ alert: 'secret-open-failed', credentialId: row.id }, 'a stored key did not open')
    return refused(`the stored key did not open: ${error.reason}`)
  }
}

/** Where to ask, or why not. The base URL is no part of the seal, its host is: they must agree. */
function testUrl(row: SealedRow): URL | string {
  const provider = providerNamed(row.provider)
  const base = row.baseUrl ?? provider?.defaultBaseUrl ?? null
  if (!provider || provider.testPath === null || base === null) {
    return 'this provider has no call that would tell whether a key works'
  }
  if (!URL.canParse(base)) return 'the base URL cannot be read'
  const url = new URL(base)
  url.pathname = `${url.pathname.replace(/\/+$/, '')}${provider.testPath}`
  url.search = ''
  url.hash = ''
  if (!wasSealedFor(row, url)) return `the key was stored for other hosts than ${url.host}`
  return url
}

async function ask(
  deps: TestKeyDeps,
  row: SealedRow,
  url: URL,
  fields: Record<string, Buffer>,
  signal: AbortSignal,
): Promise<KeyTest> {
  const key = fields['apiKey']
  if (!key) return refused('the stored key has no apiKey')
  // A header must be a string, which cannot be wiped: the one place where a secret becomes one, for this request.
  const text = key.toString('latin1')
  if (!/^[\x21-\x7e]+$/.test(text)) return refused('the key has characters that no API key can have')
  const anthropic = providerNamed(row.provider)?.api === 'anthropic'
  const headers = anthropic
    ? { 'x-api-key': text, 'anthropic-version': '2023-06-01' }
    : { authorization: `Bearer ${text}` }
  const { allowHosts, resolve } = deps
  const socket = await dialPublic(url, { allowHosts, signal, ...(resolve && { resolve }) })
  try {
    const status = await statusOf(url, socket, headers, signal)
    return judge(url, status)
  } finally {
    socket.destroy()
  }
}

/** GETs the URL over the connection that was dialled, reads at most 64 KiB of the answer and gives its status. */
function statusOf(
  url: URL,
  socket: Socket,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      const words = signal.aborted ? 'it did not answer in time' : 'the connection broke before it answered'
      reject(new DialError('destination-unreachable', words, { cause: error }))
    }
    const asked = request({
      createConnection: () => socket,
      method: 'GET',
      path: `${url.pathname}${url.search}`,
      headers: {
        host: url.host,
        accept: 'application/json',
        'user-agent': 'nora',
        connection: 'close',
        ...headers,
      },
      maxHeaderSize: 32 * 1024,
      signal,
    })
    let answered = false
    asked.once('error', fail)
    // One that is answered 101 closes without an error, and no signal reaches it any more.
    asked.once('close', () => {
      if (!answered) fail(new Error('closed without an answer'))
    })
    asked.once('response', (response: IncomingMessage) => {
      answered = true
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > mostBytes) response.destroy() // the status is all that is asked for
      })
      response.once('close', () => resolve(response.statusCode ?? 0))
      response.on('error', () => resolve(response.statusCode ?? 0))
    })
    asked.end()
  })
}

function judge(url: URL, status: number): KeyTest {
  if (status >= 200 && status < 300) return { outcome: 'works', reason: `${url.host} accepted the key` }
  if (status === 401 || status === 403) return refused(`${url.host} refused the key (HTTP ${status})`)
  if (status === 429) return refused(`${url.host} answered that there were too many requests (HTTP 429)`)
  if (status >= 300 && status < 400)
    return refused(`${url.host} answered with a redirect, which is not followed`)
  return refused(`${url.host} answered HTTP ${status}: whether the key works is not known`)
}

const refused = (reason: string): KeyTest => ({ outcome: 'refused', reason })
