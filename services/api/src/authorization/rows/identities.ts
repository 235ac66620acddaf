import { anybody, signedIn } from '../cells.ts'
import { type Row, route } from '../row.ts'

const attacks = 'services/api/src/oauth/attacks.db.test.ts'
const linking = 'services/api/src/oauth/linking.db.test.ts'

/** The provider of the matrix is a GitHub that nobody asks anything: it needs no discovery. */
export const identityRows: Row[] = [
  route('GET /api/auth/oauth', anybody(200)),
  route('GET /api/auth/oauth/:provider/start', anybody(302), { ids: { provider: 'provider' } }),
  route('GET /api/auth/oauth/:provider/callback', anybody('400 oauth-flow-invalid'), {
    ids: { provider: 'provider' },
    when: 'in a browser that began nothing',
    triedIn: attacks,
  }),
  route('POST /api/auth/oauth/:provider/link', signedIn(200), {
    ids: { provider: 'provider' },
    body: { returnTo: '/' },
    stepUp: true,
  }),
  route('POST /api/auth/oauth/:provider/step-up', signedIn('403 reauthentication-unavailable'), {
    ids: { provider: 'provider' },
    body: { returnTo: '/' },
    when: 'at one that cannot ask again',
    triedIn: linking,
  }),
  route('GET /api/auth/identities', signedIn(200)),
  route('DELETE /api/auth/identities/:id', signedIn(204), {
    when: 'an own one',
    ids: { id: 'ownIdentity' },
    stepUp: true,
  }),
  route('DELETE /api/auth/identities/:id', signedIn('404 not-found'), {
    when: 'somebody else’s',
    ids: { id: 'identity' },
  }),
  route('POST /api/auth/password', signedIn('409 password-set-already'), {
    body: { newPassword: 'another horse battery staple' },
    when: 'with a password',
    triedIn: linking,
  }),
]
