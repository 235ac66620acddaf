import { randomUUID } from 'node:crypto'
import { anybody, everyProgram, signedIn } from '../cells.ts'
import { type Row, route } from '../row.ts'
import type { Caller, World } from '../testing/world.ts'

const ownPassword = async ({ password }: World) => ({ password })
const ownTokens = async (_: World, { refreshToken }: Caller) => ({ refreshToken: refreshToken ?? 'none' })

export const accountRows: Row[] = [
  route('GET /api/healthz', anybody(200)),
  route('GET /api/readyz', anybody(200)),
  route('GET /api/openapi.json', anybody(200)),
  route('GET /api/auth/bootstrap-status', anybody(200)),
  route('GET /api/auth/signup-options', anybody(200)),
  route('POST /api/auth/signup', anybody(202), {
    body: async ({ password }) => ({ email: `new-${randomUUID()}@nora.test`, password }),
  }),
  route(
    'POST /api/auth/login',
    {
      ...anybody(200),
      ...everyProgram('401 invalid-credentials'),
      ...{ anonymous: '401 invalid-credentials', disabled: '401 invalid-credentials' },
    },
    {
      when: 'with the own password',
      body: async ({ password }, { email }) => ({
        email: email ?? 'nobody@nora.test',
        password,
        transport: 'bearer',
      }),
      refusalWrites: ['audit_log', 'audit_pending'],
    },
  ),
  route('POST /api/auth/refresh', signedIn(200), { body: ownTokens }),
  route(
    'POST /api/auth/logout',
    { ...anybody(204), disabled: '401 unauthenticated' },
    { body: ownTokens, apart: true },
  ),
  route('GET /api/auth/me', signedIn(200)),
  route('PATCH /api/auth/me', signedIn(200), { body: { name: 'Somebody' } }),
  route('GET /api/auth/sessions', signedIn(200)),
  route('DELETE /api/auth/sessions', signedIn(204), { apart: true }),
  route('DELETE /api/auth/sessions/:id', signedIn(204), {
    when: 'an own one',
    ids: { id: 'ownSession' },
    apart: true,
  }),
  route('DELETE /api/auth/sessions/:id', signedIn('404 not-found'), {
    when: 'somebody else’s',
    ids: { id: 'session' },
  }),
  route('POST /api/auth/step-up', signedIn(204), { body: ownPassword }),
  route('PATCH /api/auth/password', signedIn(204), {
    apart: true,
    body: async ({ password }) => ({
      currentPassword: password,
      newPassword: 'another horse battery staple',
    }),
  }),
]
