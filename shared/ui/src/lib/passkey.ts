import type { Answered, Taken } from '@nora/client/api-types'
import {
  browserSupportsWebAuthn,
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
  startAuthentication,
  startRegistration,
} from '@simplewebauthn/browser'
import { PasskeyError, passkeyErrorOf } from './passkey-error.ts'

type RequestOptions = Answered<'/api/auth/step-up/passkey/options', 'post'>
type Assertion = Taken<'/api/auth/step-up/passkey', 'post'>['assertion']
type CreationOptions = Answered<'/api/auth/passkeys/options', 'post'>
type Registration = Taken<'/api/auth/passkeys', 'post'>['registration']

/** Whether this browser knows passkeys at all, at this address. */
export const passkeysWork = (): boolean => window.isSecureContext && browserSupportsWebAuthn()

/** Has the browser ask its person for a passkey. @throws PasskeyError in words for them. */
export const showPasskey = (options: RequestOptions): Promise<Assertion> =>
  asking(async () => {
    const optionsJSON = options as PublicKeyCredentialRequestOptionsJSON
    return (await startAuthentication({ optionsJSON })) as Assertion
  })

/** Has the browser make a passkey. @throws PasskeyError in words for its person. */
export const makePasskey = (options: CreationOptions): Promise<Registration> =>
  asking(async () => {
    const optionsJSON = options as PublicKeyCredentialCreationOptionsJSON
    return (await startRegistration({ optionsJSON })) as Registration
  })

async function asking<T>(run: () => Promise<T>): Promise<T> {
  if (!passkeysWork())
    throw new PasskeyError(
      'This browser offers no passkeys here: they need https with a host name, or localhost.',
    )
  try {
    return await run()
  } catch (error) {
    throw passkeyErrorOf(error)
  }
}
