import { type ApiClient, unwrap } from '@nora/client/client'
import { ApiProblem } from '@nora/client/problem'

/**
 * Does what may ask for a passkey's word about one exchange credential: asks for it when the api says so, then does it again.
 * The library that talks to passkeys is loaded then. Throws PasskeyError where none was shown.
 */
export async function withPasskeyWord<T>(
  api: ApiClient,
  targetId: string,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.code !== 'passkey-confirmation-required') throw error
  }
  const body = { action: 'exchange:trade', targetId } as const
  const options = await unwrap(api.POST('/api/auth/passkeys/actions/options', { body }))
  const { showPasskey } = await import('@nora/ui/lib/passkey')
  const assertion = await showPasskey(options)
  await unwrap(api.POST('/api/auth/passkeys/actions', { body: { assertion } }))
  return run()
}
