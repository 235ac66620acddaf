import { randomBytes } from 'node:crypto'
import { fileCaching, pageHeaders, pageMarks } from '@nora/contract/page-policy'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'
import { pagePolicy } from './page-policy.ts'
import { type FindPage, type Found, webApps } from './web-apps.ts'

const readable = new Set(['GET', 'HEAD'])

export type Pages = {
  /** Whether this request is for a page or a file of one, which is no call of the api. */
  has: (request: FastifyRequest) => boolean
  /** The hook that answers such a request, before it counts as absent. */
  answer: (request: FastifyRequest, reply: FastifyReply, done: () => void) => void
}

/**
 * Serves the two apps where the operator's settings name their folders: hashed files for ever and compressed, pages never from
 * a cache, each with a policy of its own. Without folders there are no pages, and another server has them.
 */
export async function servePages(app: FastifyInstance, deps: Deps): Promise<Pages> {
  const find = await webApps(deps.config)
  if (!find) return { has: () => false, answer: (_request, _reply, done) => done() }
  // Loaded only where it is needed: behind another server nobody pays for it.
  const { default: files } = await import('@fastify/static')
  await app.register(files, { serve: false, preCompressed: true, cacheControl: false, index: false })
  const found = new WeakMap<FastifyRequest, Found | undefined>()
  const look = (request: FastifyRequest) => {
    if (!found.has(request)) found.set(request, lookUp(find, request))
    return found.get(request)
  }
  return {
    has: (request) => look(request) !== undefined,
    answer: (request, reply, done) => {
      const answer = look(request)
      if (answer === undefined) done()
      else send(deps, reply, answer, pathOf(request))
    },
  }
}

function lookUp(find: FindPage, request: FastifyRequest): Found | undefined {
  if (!request.is404 || !readable.has(request.method)) return undefined
  return find(request.headers.host, pathOf(request))
}

const pathOf = (request: FastifyRequest) => request.url.split('?', 1)[0]!

function send({ config }: Deps, reply: FastifyReply, found: Found, path: string): void {
  if (found.kind === 'redirect') {
    reply.redirect(found.to, 302)
  } else if (found.kind === 'file') {
    reply.header('cache-control', found.forEver ? fileCaching.forEver : fileCaching.other)
    reply.sendFile(found.file, found.folder)
  } else {
    const nonce = randomBytes(16).toString('base64url')
    reply.header('content-security-policy', pagePolicy(config, { app: found.app, path }, nonce))
    for (const [name, value] of Object.entries(pageHeaders)) reply.header(name, value)
    const html = found.html
      .replaceAll(pageMarks.nonce, nonce)
      .replaceAll(pageMarks.consoleOrigin, () => inAttribute(config.publicUrl))
    reply.type('text/html; charset=utf-8').send(html)
  }
}

/** As it may stand between double quotes (HTML 13.1.2.3): a URL's host may hold some of these. */
const inAttribute = (text: string) => text.replace(/[&"<>]/g, (character) => `&#${character.charCodeAt(0)};`)
