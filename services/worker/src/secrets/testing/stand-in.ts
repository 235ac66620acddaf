import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { CredentialKind } from '@nora/contract/credential-types'
import { createLogger } from '@nora/log/logger'
import { type Person, person } from '@nora/testing/people'
import { type TestDatabase, testDatabase } from '@nora/testing/postgres'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { type TestKeyDeps, testKey } from '../test-key.ts'
import { keyring, leased, storeKey } from './arrange.ts'

export type Asked = {
  method: string
  path: string
  query: string
  headers: IncomingHttpHeaders
  body: string
}
export type Said = { status: number; json?: unknown }

export type StandIn = {
  database: TestDatabase
  owner: Person
  deps: TestKeyDeps
  port: number
  asked: Asked[]
  logged: string[]
  /** What it answers; a test sets it. */
  answer: (asked: Asked) => Said
  /** Stores a secret of a service that is at this server, and has a worker try it. */
  tryOut: (
    kind: CredentialKind,
    provider: string,
    secret: Record<string, string>,
    path?: string,
  ) => Promise<{ outcome: string; reason: string }>
}

/** A server on loopback that stands in for a service or an exchange, and the worker's test of a stored secret against it. */
export function standIn(): StandIn {
  const it = { database: testDatabase(), asked: [], logged: [] } as unknown as StandIn
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const url = new URL(request.url ?? '/', 'http://stand-in')
    const asked = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.search.slice(1),
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    }
    it.asked.push(asked)
    const { status, json } = it.answer(asked)
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(json === undefined ? '' : JSON.stringify(json))
  })
  beforeAll(async () => {
    it.owner = await person(it.database, 'owner')
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    it.port = (server.address() as AddressInfo).port
    it.deps = {
      db: it.database.worker,
      log: createLogger({
        service: 'test',
        level: 'debug',
        destination: { write: (line) => void it.logged.push(line) },
      }),
      keyring,
      allowHosts: [{ kind: 'host', host: '127.0.0.1', port: it.port }],
    }
  })
  beforeEach(() => {
    it.asked.length = 0
    it.logged.length = 0
    it.answer = () => ({ status: 200, json: {} })
  })
  afterAll(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  it.tryOut = async (kind, provider, secret, path = '') => {
    const host = `127.0.0.1:${it.port}`
    const baseUrl = `http://${host}${path}`
    const id = await storeKey(it.database, it.owner, secret, { kind, provider, baseUrl, hosts: [host] })
    const actor = await leased(it.database, it.owner, { credential: id })
    return testKey(it.deps, actor, AbortSignal.timeout(60_000))
  }
  return it
}
