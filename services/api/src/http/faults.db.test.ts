import { Readable } from 'node:stream'
import { connect } from '@nora/db/connect'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { type FastifyInstance, type FastifyReply, fastify, type preHandlerAsyncHookHandler } from 'fastify'
import { Type } from 'typebox'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { problemBody } from '../testing/bare-problem.ts'
import { sampleRequests } from '../testing/sample-requests.ts'
import { startApi, type TestApi } from '../testing/test-api.ts'
import { installEdge, serverOptions } from './edge.ts'

// Whatever fails, at whichever layer: the caller gets a code and an id, the log the reason, and nobody a secret.

const database = testDatabase()
const redis = testRedis()
const hidden = 'sk-canary0123456789abcdefABCDEF'
let api: TestApi
beforeAll(async () => {
  api = await startApi(database, redis)
})
afterAll(() => api.close())

const failure = () =>
  Object.assign(new Error(`relation "nora.secrets" of ${hidden}`, { cause: new Error(hidden) }), {
    detail: hidden,
    password: 'correct horse of the canary',
    statusCode: 418,
  })

type Hook = 'onRequest' | 'preParsing' | 'preValidation' | 'preHandler' | 'preSerialization' | 'onSend'
const response = { 200: Type.Object({ name: Type.String() }) }
const good = async () => ({ name: 'x' })

const handlers: Record<string, (reply: FastifyReply) => unknown> = {
  'a handler that throws': () => {
    throw failure()
  },
  'a handler that rejects': () => Promise.reject(failure()),
  'a handler that throws a text': () => Promise.reject(hidden),
  'a handler that throws an object': () =>
    Promise.reject({ statusCode: 404, message: hidden, code: 'FST_X' }),
  'a handler that throws nothing': () => Promise.reject(undefined),
  'a handler that throws null': () => Promise.reject(null),
  'an error that cannot be read': () =>
    Promise.reject(
      Object.defineProperties(new Error('x'), {
        code: {
          get() {
            throw new Error(hidden)
          },
        },
        message: { get: () => hidden },
      }),
    ),
  'an answer that cannot be serialized': () => ({
    get name() {
      throw failure()
    },
  }),
  'an answer without what it must have': () => ({}),
  'an answer of a wrong kind': () => Symbol(hidden),
  'a header that cannot be sent': (reply) => {
    reply.header('x-odd', `line\n${hidden}`)
    return { name: 'x' }
  },
  'a header that was set before': (reply) => {
    reply.header('x-secret', hidden).header('set-cookie', `nora_at=${hidden}`)
    throw failure()
  },
  'a stream that fails at once': () =>
    new Readable({
      read() {
        this.destroy(failure())
      },
    }),
  'an error with a status of its own': () => Promise.reject(Object.assign(failure(), { statusCode: 503 })),
  'an error that says it is Fastify’s': () =>
    Promise.reject(Object.assign(failure(), { code: 'FST_ERR_X', statusCode: 500 })),
}

async function serverWith(add: (server: FastifyInstance) => void): Promise<FastifyInstance> {
  const server = fastify(serverOptions(api.deps)) as unknown as FastifyInstance
  await installEdge(server, api.deps)
  // As the api's features are registered: inside the edge.
  await server.register(async (feature) => add(feature))
  return server
}

async function expectBare(server: FastifyInstance): Promise<void> {
  const before = api.logged.length
  await server.listen({ host: '127.0.0.1', port: 0 })
  try {
    const answer = await fetch(`${server.listeningOrigin}/x`, { signal: AbortSignal.timeout(60_000) })
    const text = await answer.text()
    const { correlationId } = problemBody({ status: answer.status, text, headers: answer.headers })
    expect(`${answer.statusText} ${[...answer.headers]} ${text}`).not.toMatch(
      /canary|nora\.secrets|correct horse/,
    )
    const logged = api.logged.slice(before).join('')
    expect(logged).toContain(correlationId)
    expect(logged).not.toMatch(/canary0123|horse of the canary/)
  } finally {
    await server.close()
  }
}

describe('a bare fault:', () => {
  test.each(Object.keys(handlers))('%s', async (name) => {
    const server = await serverWith((feature) => {
      const options = { config: { access: 'public' }, schema: { response } } as const
      feature.get('/x', options, async (_request, reply) => handlers[name]!(reply) as never)
    })
    await expectBare(server)
  })

  test.each<[Hook, 'once' | 'always']>([
    ['onRequest', 'always'],
    ['preParsing', 'always'],
    ['preValidation', 'always'],
    ['preHandler', 'always'],
    ['preSerialization', 'always'],
    ['onSend', 'once'],
    ['onSend', 'always'],
  ])('a hook %s that throws %s', async (hook, times) => {
    let left = times === 'once' ? 1 : Number.POSITIVE_INFINITY
    const failing = (async () => {
      if (left-- > 0) throw failure()
    }) as preHandlerAsyncHookHandler
    const server = await serverWith((feature) => {
      feature.addHook(hook as 'preHandler', failing)
      feature.get('/x', { config: { access: 'public' }, schema: { response } }, good)
    })
    await expectBare(server)
  })

  test('a refusal that cannot be sent', async () => {
    const server = await serverWith((feature) => {
      feature.addHook('onSend', () => Promise.reject(failure()))
      const options = { config: { access: 'session' }, schema: { response } } as const
      feature.get('/x', options, good)
    })
    await expectBare(server)
  })
})

describe('without its services', () => {
  const withoutPostgres = (): Promise<TestApi> => {
    const url = new URL(database.appUrl)
    url.hostname = '127.0.0.1'
    url.port = '1'
    url.searchParams.delete('host')
    const db = connect({ databaseUrl: url.href, applicationName: 'test', onError: () => undefined })
    return startApi(database, redis, { config: { jwtSecrets: api.deps.config.jwtSecrets }, deps: { db } })
  }
  const withoutRedis = async (): Promise<TestApi> => {
    const config = { jwtSecrets: api.deps.config.jwtSecrets, redisPatience: undefined }
    const started = await startApi(database, redis, { config })
    await redis.server.stop()
    return started
  }
  test.each([
    ['Postgres', withoutPostgres, () => Promise.resolve()],
    ['Redis', withoutRedis, () => redis.restart()],
  ])('%s: every route answers, and a fault is bare', async (_, start, mend) => {
    const user = await api.signUp()
    const broken = await start()
    let faults = 0
    try {
      for (const { method, path, body } of sampleRequests(broken.app.routeList, () => hidden)) {
        const answer = await broken.anonymous.request(method, path, {
          body,
          headers: { authorization: `Bearer ${user.accessToken}` },
        })
        expect(answer.status, `${method} ${path}`).toBeGreaterThanOrEqual(200)
        if (answer.status < 500 || answer.body?.missing) continue
        faults++
        problemBody(answer)
        expect(answer.text).not.toMatch(/ECONN|127\.0\.0\.1|postgres|redis|kysely|canary|at /i)
      }
      expect(faults).toBeGreaterThan(0)
      expect(broken.logged.join('')).not.toMatch(/canary0123/)
    } finally {
      await broken.close()
      await mend()
    }
  })
})
