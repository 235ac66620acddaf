import { anybody, signedIn } from '../cells.ts'
import { type Row, route } from '../row.ts'

const secondFactor = 'services/api/src/passkeys/second-factor.db.test.ts'
const passkeys = 'services/api/src/passkeys/passkeys.db.test.ts'
const codes = 'services/api/src/passkeys/recovery-codes.db.test.ts'
const actions = 'services/api/src/passkeys/actions.db.test.ts'

const response = { clientDataJSON: 'e30', authenticatorData: 'AAAA', signature: 'AAAA' }
const assertion = { id: 'AAAA', rawId: 'AAAA', type: 'public-key', response, clientExtensionResults: {} }
const registration = { ...assertion, response: { clientDataJSON: 'e30', attestationObject: 'AAAA' } }
const noToken = { when: 'without a token of a sign-in', triedIn: secondFactor } as const
const unsigned = { when: 'with what no authenticator signed' } as const
const audited = { refusalWrites: ['audit_log', 'audit_pending'] }

export const passkeyRows: Row[] = [
  route('POST /api/auth/login/passkey/options', anybody('401 second-factor-invalid'), {
    body: {},
    ...noToken,
  }),
  route('POST /api/auth/login/passkey', anybody('401 second-factor-invalid'), {
    body: { assertion },
    ...noToken,
  }),
  route('POST /api/auth/login/recovery-code', anybody('401 second-factor-invalid'), {
    body: { code: '0000-0000-0000-0000' },
    ...noToken,
  }),
  route('GET /api/auth/passkeys', signedIn(200)),
  route('POST /api/auth/passkeys/options', signedIn(200), { stepUp: true }),
  route('POST /api/auth/passkeys', signedIn('403 passkey-refused'), {
    body: { label: 'Key', registration },
    triedIn: passkeys,
    ...unsigned,
  }),
  route('PATCH /api/auth/passkeys/:id', signedIn(200), {
    when: 'an own one',
    ids: { id: 'ownPasskey' },
    apart: true,
    body: { label: 'Another' },
  }),
  route('PATCH /api/auth/passkeys/:id', signedIn('404 not-found'), {
    when: 'somebody else’s',
    ids: { id: 'passkey' },
    body: { label: 'Another' },
  }),
  route('DELETE /api/auth/passkeys/:id', signedIn(204), {
    when: 'an own one',
    ids: { id: 'ownPasskey' },
    apart: true,
    stepUp: true,
  }),
  route('DELETE /api/auth/passkeys/:id', signedIn('404 not-found'), {
    when: 'somebody else’s',
    ids: { id: 'passkey' },
  }),
  route('POST /api/auth/step-up/passkey/options', signedIn('409 no-passkeys'), {
    when: 'without a passkey',
    triedIn: passkeys,
  }),
  route('POST /api/auth/step-up/passkey', signedIn('403 passkey-refused'), {
    body: { assertion },
    triedIn: passkeys,
    ...unsigned,
  }),
  route('POST /api/auth/step-up/recovery-code', signedIn('403 passkey-refused'), {
    body: { code: '0000-0000-0000-0000' },
    when: 'with a code that is none',
    triedIn: codes,
    ...audited,
  }),
  route('POST /api/auth/recovery-codes', signedIn('409 no-passkeys'), {
    when: 'without a passkey',
    triedIn: codes,
  }),
  route('POST /api/auth/passkeys/actions/options', signedIn('409 no-passkeys'), {
    body: { action: 'exchange:trade', targetId: '00000000-0000-4000-8000-000000000000' },
    when: 'without a passkey',
    triedIn: actions,
  }),
  route('POST /api/auth/passkeys/actions', signedIn('403 passkey-refused'), {
    body: { assertion },
    triedIn: actions,
    ...unsigned,
  }),
]
