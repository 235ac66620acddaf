import { type Authenticator, authenticator } from '@nora/passkeys/testing/authenticator'
import { expect } from 'vitest'
import type { Answer, Client } from '../../testing/client.ts'
import { stepUp } from '../../testing/team.ts'

/** Adds an authenticator's passkey to an account whose session has stepped up. */
export async function addPasskey(
  who: Client,
  device = authenticator(),
  label = 'Key',
): Promise<{ device: Authenticator; answer: Answer }> {
  const options = await who.post('/api/auth/passkeys/options')
  expect(options.status, options.text).toBe(200)
  const registration = device.register(options.body)
  return { device, answer: await who.post('/api/auth/passkeys', { label, registration }) }
}

/** Steps up by the password and adds a first passkey. */
export async function enrol(who: Client): Promise<Authenticator> {
  const { device, answer } = await addPasskey(await stepUp(who))
  expect(answer.status, answer.text).toBe(201)
  return device
}

/** Steps up with a passkey. */
export async function passkeyStepUp(who: Client, device: Authenticator): Promise<Answer> {
  const options = await who.post('/api/auth/step-up/passkey/options')
  if (options.status !== 200) return options
  return who.post('/api/auth/step-up/passkey', { assertion: device.assert(options.body) })
}

export const codeOf = ({ status, body }: Answer) => [status, body?.code]
