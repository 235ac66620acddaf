import { randomUUID } from 'node:crypto'
import type { Server } from 'node:http'
import cookie from '@fastify/cookie'
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import { Problem } from '@nora/contract/problem'
import { type FastifyHttpOptions, type FastifyInstance, LogController } from 'fastify'
import { installAdminSessions } from '../admin/session.ts'
import type { Deps } from '../deps.ts'
import { servePages } from '../web/serve-pages.ts'
import { installAccess } from './access.ts'
import { installAccessTokens } from './access-tokens.ts'
import { bareHeaders } from './bare-headers.ts'
import { installBodyParser } from './body.ts'
import { installBodyDeadline } from './body-deadline.ts'
import { answerBrokenRequest } from './broken-request.ts'
import { installCallers, trustedProxies } from './client-ip.ts'
import { limitConnections } from './connections.ts'
import { edgeTimes } from './edge-times.ts'
import { installExpectations } from './expectations.ts'
import { installLimits } from './limits.ts'
import { installOpenapi } from './openapi.ts'
import { answer, installProblems, refuseAbsent } from './problem.ts'
import { formCheck, routedTarget } from './request-form.ts'
import { installSessions } from './sessions.ts'
import { installUpgrades } from './upgrades.ts'
import { validatorFactory } from './validators.ts'

/** Bytes a body may have; the routes that proxy to an agent say otherwise themselves. */
export const bodyLimit = 256 * 1024

/** How the server reads requests. All times in milliseconds. */
export function serverOptions(deps: Deps): FastifyHttpOptions<Server> {
  const times = timesOf(deps)
  return {
    loggerInstance: deps.log,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'correlationId' }),
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    trustProxy: deps.config.trustProxy.length > 0 ? trustedProxies(deps.config.trustProxy) : false,
    bodyLimit,
    connectionTimeout: times.idleMs,
    // For the slowest upload to an agent; any other body has `bodyMs` (body-deadline.ts).
    requestTimeout: 3_600_000,
    keepAliveTimeout: times.keepAliveMs,
    http: {
      headersTimeout: times.headersMs,
      connectionsCheckingInterval: times.checkMs,
      maxHeaderSize: 16 * 1024,
      requireHostHeader: false, // what is wrong with Host is answered with a problem (request-form.ts)
      // Some clients offer HTTP/2 on every plain connection; RFC 9110 7.8 lets us overlook it.
      shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === 'websocket',
    },
    forceCloseConnections: 'idle',
    rewriteUrl: routedTarget,
    routerOptions: { maxParamLength: 200 },
    schemaController: { compilersFactory: { buildValidator: validatorFactory } },
    // Met before routing, so no hook has seen it: it is counted here.
    frameworkErrors: (error, request, reply) => {
      for (const [name, value] of Object.entries(bareHeaders(request.id))) reply.header(name, value)
      request.server.limits.address(request, reply).then(
        () => answer(error, request, reply),
        (refused) => answer(refused, request, reply),
      )
    },
    clientErrorHandler: answerBrokenRequest,
  }
}

/** Installs everything that stands in front of the routes, in the order in which a request meets it. */
export async function installEdge(app: FastifyInstance, deps: Deps): Promise<void> {
  app.addSchema(Problem)
  installProblems(app) // before any route: one keeps the error handler that it was registered under
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
  const trusts = trustedProxies(deps.config.trustProxy)
  const checkForm = formCheck(deps.config)
  // Too many are refused with a problem (request-form.ts); older versions of Node left them out without a word.
  app.server.maxHeadersCount = 0
  limitConnections(app.server, deps.config.connections, { trusts, log: deps.log })
  installCallers(app, trusts)
  installExpectations(app)
  const limits = installLimits(app, deps)
  const pages = await servePages(app, deps)
  // One visit loads some dozen files, which cost next to nothing: they are no calls of the api.
  app.addHook('onRequest', async (request, reply) => {
    if (!pages.has(request)) await limits.countAddress(request, reply)
  })
  await app.register(helmet, helmetOptions(deps))
  app.addHook('onRequest', (request, _reply, done) => {
    const wrong = checkForm(request.raw)
    done(wrong && (limits.exceededBy(request) ?? wrong))
  })
  await app.register(cors, corsOptions(deps))
  app.addHook('onRequest', limits.refuseExceeded)
  await app.register(cookie)
  await installAccessTokens(app, deps)
  await installOpenapi(app, deps)
  installAccess(app)
  app.addHook('onRequest', pages.answer)
  refuseAbsent(app)
  installBodyParser(app)
  installBodyDeadline(app, timesOf(deps))
  installSessions(app, deps)
  installAdminSessions(app, deps)
  app.addHook('onRequest', limits.countMutation)
  installUpgrades(app, checkForm)
}

// What the api answers is no page: nothing may be loaded, framed or sniffed. Pages have a policy of their own.
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

const timesOf = (deps: Deps) => ({ ...edgeTimes, ...deps.config.edgeTimes })
