import { lendSettings } from '@nora/supervisor/demo/stack'
import type { Installation } from '@nora/supervisor/installation'
import { holds, need, same } from '../../checks.ts'
import { newAccount, type World } from '../../world.ts'

/** An operator may close sign-up; who has an account goes on. Opens it again. */
export async function closedSignUp(world: World, installation: Installation): Promise<void> {
  const { place, checks, send, signal, provider } = world
  checks.part('closed sign-up')
  const allowed = provider ? { NORA_PROVIDER_ALLOW_HOSTS: provider.host } : {}
  await checks.check('where sign-up is closed nobody gets an account, and who has one goes on', async () => {
    await lendSettings(installation, { ...allowed, SIGNUP_ENABLED: 'false' }, signal)
    try {
      const { body } = await send('GET', `${place.url}/api/auth/signup-options`)
      same(body['signupEnabled'], false, 'signup-options')
      const stranger = newAccount('late')
      const answer = await send('POST', `${place.url}/api/auth/signup`, { body: stranger, patient: false })
      // The third try of ten minutes may be over by now; neither makes an account.
      holds(['signup-disabled', 'rate-limited'].includes(String(answer.body['code'])), answer.text)
      const { email, password } = stranger
      const entered = await send('POST', `${place.url}/api/auth/login`, { body: { email, password } })
      same(entered.status, 401, 'the sign-in of who was turned away')
      await need(world.alice, 'admin').api.call('GET', 'auth/me', { expect: [200] })
    } finally {
      await lendSettings(installation, allowed, signal)
    }
  })
}
