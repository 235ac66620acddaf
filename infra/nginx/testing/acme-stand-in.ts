import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { tempFolder } from '@nora/testing/temp-folder'

const run = promisify(execFile)
type Json = Record<string, unknown>
type Order = { names: string[]; tokens: Map<string, string>; valid: Set<string>; chain?: string }

/**
 * An ACME server (RFC 8555) for tests: it fetches every http-01 answer from the given port of this machine, by its Host name, and
 * signs with a CA of its own. Signatures of requests are not looked at.
 */
export async function acmeStandIn(webPort: () => number) {
  const folder = await tempFolder('nora-acme-')
  const at = (name: string) => join(folder, name)
  const subject = [
    '-subj',
    '/CN=A CA of the tests',
    '-days',
    '30',
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
  ]
  await run('openssl', [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    ...subject,
  ])
  const orders: Order[] = []
  const fetched: string[] = []
  let thumbprint = ''
  let url = ''

  const orderView = (order: Order, id: number): Json => ({
    status: order.chain ? 'valid' : order.names.every((name) => order.valid.has(name)) ? 'ready' : 'pending',
    identifiers: order.names.map((value) => ({ type: 'dns', value })),
    authorizations: order.names.map((name) => `${url}/authz/${id}/${name}`),
    finalize: `${url}/finalize/${id}`,
    ...(order.chain && { certificate: `${url}/cert/${id}` }),
  })
  const challengeView = (order: Order, id: string, name: string): Json => ({
    type: 'http-01',
    url: `${url}/challenge/${id}/${name}`,
    token: order.tokens.get(name),
    status: order.valid.has(name) ? 'valid' : 'pending',
  })

  /** The answer must be found where nginx serves it. */
  const check = async (order: Order, name: string) => {
    const token = order.tokens.get(name)
    const path = `/.well-known/acme-challenge/${token}`
    const got = await getPlainly(webPort(), name, path)
    fetched.push(`${name} ${got}`)
    if (got === `${token}.${thumbprint}`) order.valid.add(name)
  }
  const sign = async (order: Order, csr: string) => {
    await writeFile(at('csr.der'), Buffer.from(csr, 'base64url'))
    const ca = [
      '-CA',
      at('ca.pem'),
      '-CAkey',
      at('ca.key'),
      '-CAcreateserial',
      '-days',
      '90',
      '-copy_extensions',
      'copy',
    ]
    await run('openssl', [
      'x509',
      '-req',
      '-inform',
      'DER',
      '-in',
      at('csr.der'),
      ...ca,
      '-out',
      at('leaf.pem'),
    ])
    order.chain = (await readFile(at('leaf.pem'), 'utf8')) + (await readFile(at('ca.pem'), 'utf8'))
  }

  const handle = async (
    path: string,
    body: Json,
  ): Promise<{ status?: number; json: Json | string; location?: string }> => {
    const [, kind, id = '', name = ''] = path.split('/')
    const order = orders[Number(id)]
    if (kind === 'directory') {
      const urls = ['newNonce', 'newAccount', 'newOrder', 'revokeCert', 'keyChange'].map((key) => [
        key,
        `${url}/${key}`,
      ])
      return { json: Object.fromEntries(urls) }
    }
    if (kind === 'newAccount') {
      const { jwk } = JSON.parse(Buffer.from(String(body['protected']), 'base64url').toString())
      if (jwk) thumbprint = createHash('sha256').update(canonical(jwk)).digest('base64url')
      return { status: 201, json: { status: 'valid' }, location: `${url}/account/1` }
    }
    const payload = body['payload']
      ? JSON.parse(Buffer.from(String(body['payload']), 'base64url').toString())
      : {}
    if (kind === 'newOrder') {
      const names: string[] = payload.identifiers.map(({ value }: { value: string }) => value)
      const tokens = new Map(names.map((one) => [one, randomBytes(24).toString('base64url')]))
      orders.push({ names, tokens, valid: new Set() })
      const made = orders.length - 1
      return { status: 201, json: orderView(orders[made]!, made), location: `${url}/order/${made}` }
    }
    if (!order) return { json: { status: 'valid' } }
    if (kind === 'authz')
      return {
        json: {
          status: order.valid.has(name) ? 'valid' : 'pending',
          identifier: { type: 'dns', value: name },
          challenges: [challengeView(order, id, name)],
        },
      }
    if (kind === 'challenge') {
      await check(order, name)
      return { json: challengeView(order, id, name) }
    }
    if (kind === 'finalize') await sign(order, payload.csr)
    return kind === 'cert'
      ? { json: order.chain ?? '' }
      : { json: orderView(order, Number(id)), location: `${url}/order/${id}` }
  }

  const server = createServer(async (asked, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of asked) chunks.push(chunk as Buffer)
    const body = chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : {}
    const { status = 200, json, location } = await handle(asked.url ?? '/', body)
    const isText = typeof json === 'string'
    response.writeHead(status, {
      'content-type': isText ? 'application/pem-certificate-chain' : 'application/json',
      'replay-nonce': randomBytes(16).toString('base64url'),
      link: `<${url}${(asked.url ?? '').replace('/challenge/', '/authz/')}>;rel="up"`,
      ...(location && { location }),
    })
    response.end(isText ? json : JSON.stringify(json))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { directory: `${url}/directory`, ca: await readFile(at('ca.pem'), 'utf8'), orders, fetched, close }
}

/** RFC 7638: the members that make a key, in order. */
const canonical = (jwk: Record<string, string>) =>
  JSON.stringify(
    Object.fromEntries(
      ['crv', 'e', 'kty', 'n', 'x', 'y'].filter((key) => jwk[key]).map((key) => [key, jwk[key]]),
    ),
  )

function getPlainly(port: number, host: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port, path, headers: { host }, timeout: 10_000 },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () => resolve(text))
      },
    )
    asked.on('error', reject)
    asked.end()
  })
}
