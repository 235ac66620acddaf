import { randomUUID } from 'node:crypto'
import type { Server } from 'node:http'
import cookie from '@fastify/cookie'
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import { Problem } from '@nora/contract/problem'
import { DomainError } from '@nora/domain/errors'
import { type FastifyHttpOptions, type FastifyInstance, LogController } from 'fastify'
import type { Deps } from '../deps.ts'
import { installAccess } from './access.ts'
import { installAccessTokens } from './access-tokens.ts'
import { installBodyParser } from './body.ts'
import { installBodyDeadline } from './body-deadline.ts'
import { answerBrokenRequest } from './broken-request.ts'
import { installLimits } from './limits.ts'
import { installOpenapi } from './openapi.ts'
import { answer, installProblems } from './problem.ts'
import { installSessions } from './sessions.ts'
import { installUpgrades } from './upgrades.ts'
import { validatorFactory } from './validators.ts'

/** Bytes a body may have; the routes that proxy to an agent say otherwise themselves. */
export const bodyLimit = 256 * 1024

/** How the server reads requests. All times in milliseconds. */
export function serverOptions(deps: Deps): FastifyHttpOptions<Server> {
  return {
    loggerInstance: deps.log,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'correlationId' }),
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    trustProxy: deps.config.trustProxy.length > 0 ? [...deps.config.trustProxy] : false,
    bodyLimit,
    connectionTimeout: 120_000,
    // For the slowest upload to an agent; any other body has `bodyDeadlineMs` (body-deadline.ts).
    requestTimeout: 3_600_000,
    keepAliveTimeout: 72_000,
    http: {
      headersTimeout: 15_000,
      // How often Node looks at the timeouts of headers and requests.
      connectionsCheckingInterval: 5_000,
      maxHeaderSize: 16 * 1024,
      // Some clients offer HTTP/2 on every plain connection; RFC 9110 7.8 lets us overlook it.
      shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === 'websocket',
    },
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 200 },
    schemaController: { compilersFactory: { buildValidator: validatorFactory } },
    frameworkErrors: (error, request, reply) => {
      reply.header('x-correlation-id', request.id)
      answer(error, request, reply)
    },
    clientErrorHandler: answerBrokenRequest,
  }
}

/** Installs everything that stands in front of the routes, in the order in which a request meets it. */
export async function installEdge(app: FastifyInstance, deps: Deps): Promise<void> {
  app.addSchema(Problem)
  // Hooks that wait for nothing call back: every promise of theirs is paid for by every request.
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-correlation-id', request.id)
    reply.header('cache-control', 'no-store')
    done()
  })
  // The pattern of the route, never the URL: a query may hold what must not be logged.
  app.addHook('onResponse', (request, reply, done) => {
    const { method, routeOptions, log } = request
    log.debug(
      { method, route: routeOptions.url, status: reply.statusCode, ms: Math.round(reply.elapsedTime) },
      'answered',
    )
    done()
  })
  const limits = await installLimits(app, deps)
  app.addHook('onRequest', limits.countAddress)
  await app.register(helmet, helmetOptions(deps))
  await app.register(cors, corsOptions(deps))
  app.addHook('onRequest', limits.refuseExceeded)
  await app.register(cookie)
  await installAccessTokens(app, deps)
  await installOpenapi(app, deps)
  installAccess(app)
  installProblems(app)
  installBodyParser(app)
  installBodyDeadline(app)
  refuseUnstorableUrls(app)
  installSessions(app, deps)
  app.addHook('onRequest', limits.countMutation)
  installUpgrades(app)
}

// The api serves no page: nothing may be loaded, framed or sniffed.
function helmetOptions(deps: Deps) {
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
      },
    },
    referrerPolicy: { policy: 'no-referrer' as const },
    frameguard: { action: 'deny' as const },
    hsts: deps.config.publicUrl.startsWith('https:') ? { maxAge: 31_536_000 } : false,
  }
}

function corsOptions(deps: Deps) {
  const allowed = new Set(deps.config.corsOrigins)
  return {
    // `*` (development alone) never comes with credentials.
    origin: allowed.has('*')
      ? '*'
      : (origin: string | undefined, done: (error: Error | null, value: string | false) => void) =>
          done(null, origin !== undefined && allowed.has(origin) ? origin : false),
    credentials: !allowed.has('*'),
    strictPreflight: false,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: ['content-type', 'authorization', 'x-csrf-token', 'x-nora-workspace', 'idempotency-key'],
    exposedHeaders: [
      'x-correlation-id',
      'location',
      'retry-after',
      'ratelimit-limit',
      'ratelimit-remaining',
      'ratelimit-reset',
      'idempotency-replayed',
    ],
    maxAge: 600,
  }
}

// Postgres has no text with a NUL in it: refused here it is a 400, further in it would be a fault.
function refuseUnstorableUrls(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => {
    if (!request.url.includes('%00')) return done()
    done(new DomainError('bad-request', { errors: [{ path: 'url', message: 'must not hold a NUL' }] }))
  })
}
