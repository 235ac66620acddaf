import { anybody, everyProgram, inAdminApp } from '../cells.ts'
import { type Row, route } from '../row.ts'

const login = async ({ password }: { password: string }, { email }: { email?: string }) => ({
  email: email ?? 'nobody@nora.test',
  password,
})

const secondFactor = 'services/api/src/admin/auth/second-factor.db.test.ts'
const response = { clientDataJSON: 'e30', authenticatorData: 'AAAA', signature: 'AAAA' }
const assertion = { id: 'AAAA', rawId: 'AAAA', type: 'public-key', response, clientExtensionResults: {} }

export const adminRows: Row[] = [
  route(
    'POST /api/admin/auth/login',
    { ...anybody('401 invalid-credentials'), platformAdmin: 200, adminSession: 200 },
    {
      when: 'with the own password',
      body: login,
      refusalWrites: ['audit_log', 'audit_pending'],
      apart: true,
    },
  ),
  route(
    'POST /api/admin/auth/refresh',
    { ...anybody('403 csrf-failed'), adminSession: 200 },
    { when: 'with the cookies that one has' },
  ),
  route('POST /api/admin/auth/logout', anybody(204), { apart: true }),
  route('GET /api/admin/auth/me', inAdminApp(200)),
  route('POST /api/admin/auth/step-up', inAdminApp(204), { body: async ({ password }) => ({ password }) }),
  route('POST /api/admin/auth/second-factor/options', inAdminApp('409 no-passkeys'), {
    when: 'without a passkey',
    triedIn: secondFactor,
    refusalWrites: ['admin_sessions'],
  }),
  route('POST /api/admin/auth/second-factor/passkey', inAdminApp('403 passkey-refused'), {
    when: 'with what no authenticator signed',
    body: { assertion },
    triedIn: secondFactor,
    refusalWrites: ['audit_log', 'audit_pending'],
  }),
  route('POST /api/admin/auth/second-factor/recovery-code', inAdminApp('403 passkey-refused'), {
    when: 'with a code that is none',
    body: { code: '0000-0000-0000-0000' },
    triedIn: secondFactor,
    refusalWrites: ['audit_log', 'audit_pending'],
  }),
  route('GET /api/admin/overview', inAdminApp(200)),
  route('GET /api/admin/users', inAdminApp(200), { query: 'limit=1&role=admin' }),
  route('GET /api/admin/users/:id', inAdminApp(200), { ids: { id: 'user' } }),
  route('PATCH /api/admin/users/:id', inAdminApp(200), {
    ids: { id: 'user' },
    body: { disabled: true },
    stepUp: true,
  }),
  route('POST /api/admin/users/:id/sign-out', inAdminApp(200), { ids: { id: 'user' }, stepUp: true }),
  route('GET /api/admin/agents', inAdminApp(200), { query: 'state=error' }),
  route('GET /api/admin/queue', inAdminApp(200)),
  route('POST /api/admin/queue/:id/retry', inAdminApp(202), { ids: { id: 'failedOperation' }, stepUp: true }),
  route('POST /api/admin/queue/:id/cancel', inAdminApp(202), {
    ids: { id: 'newAgentOperation' },
    stepUp: true,
  }),
  route('GET /api/admin/workers', inAdminApp(200)),
  route('GET /api/admin/audit/chain', inAdminApp(200)),
  route('GET /api/admin/audit', inAdminApp(200), { query: 'type=ADMIN_READ' }),
  route('GET /api/admin/audit/export', inAdminApp(200), { query: 'type=ADMIN_READ' }),
  route('GET /api/admin/settings', inAdminApp(200)),
  route('GET /api/admin/keys', inAdminApp(200)),
  route('GET /api/admin/backups', inAdminApp(200)),
  route('POST /api/admin/ws-tickets', inAdminApp(201), { body: { kind: 'admin' } }),
  route(
    'WS /api/ws/admin',
    { ...anybody('closed 4401'), ...everyProgram('closed 4401'), adminSession: 101 },
    { when: 'from the admin app, with the own ticket, or with one that is none' },
  ),
]
