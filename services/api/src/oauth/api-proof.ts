import { hkdf32 } from '@nora/crypto/hkdf'
import { enrolApi, renewApiProof } from '@nora/db/identities'
import { DomainError } from '@nora/domain/errors'
import type { Deps } from '../deps.ts'

const enrolled = new WeakMap<Deps, Promise<Buffer>>()

/**
 * What Postgres asks of the api before it believes what a provider or an authenticator has said: derived from a secret
 * that is in no table, so that a statement smuggled into a connection cannot show it. The first one ever is remembered;
 * another one takes its place when the one before is shown with it.
 * DomainError `unavailable` (with the fix in the log) when Postgres remembers another one.
 */
export function apiProof(deps: Deps): Promise<Buffer> {
  let known = enrolled.get(deps)
  if (!known) {
    known = enrol(deps)
    // A database that is away now may be there for the next.
    known.catch(() => enrolled.delete(deps))
    enrolled.set(deps, known)
  }
  return known
}

async function enrol(deps: Deps): Promise<Buffer> {
  const proof = hkdf32(deps.capabilitySeed, 'api-proof')
  if (await enrolApi(deps.db, proof)) return proof
  for (const seed of deps.capabilitySeedsBefore ?? []) {
    if (!(await renewApiProof(deps.db, hkdf32(seed, 'api-proof'), proof))) continue
    deps.log.info('the database took the proof of the new NORA_CAPABILITY_PRIVATE_KEY')
    return proof
  }
  deps.log.error(
    { alert: 'api-proof-unknown' },
    'NORA_CAPABILITY_PRIVATE_KEY is not the one that sign-in providers and passkeys were first used with: put that ' +
      'one back, or have the database take this one (docs/rotation.md)',
  )
  throw new DomainError('unavailable')
}
