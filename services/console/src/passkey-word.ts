import type { Taken } from '@nora/client/api-types'
import { type ApiClient, unwrap } from '@nora/client/client'
import { ApiProblem } from '@nora/client/problem'

type About = Taken<'/api/auth/passkeys/actions/options', 'post'>

/**
 * Does what may ask for a passkey's word about one thing (an exchange credential, an agent): asks for it when the api
 * says so, then does it again. The library that talks to passkeys is loaded then. Throws PasskeyError where none was shown.
 */
export async function withPasskeyWord<T>(api: ApiClient, about: About, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.code !== 'passkey-confirmation-required') throw error
  }
  const options = await unwrap(api.POST('/api/auth/passkeys/actions/options', { body: about }))
  const { showPasskey } = await import('@nora/ui/lib/passkey')
  const assertion = await showPasskey(options)
  await unwrap(api.POST('/api/auth/passkeys/actions', { body: { assertion } }))
  return run()
}
