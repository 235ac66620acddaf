import { unwrap } from '@nora/client/client'
import { tellOtherTabs } from '@nora/ui/lib/other-tabs'
import { failed } from '@nora/ui/toasts'
import { api } from '../api.ts'

/** Ends the session of this browser. */
export async function signOut(): Promise<void> {
  try {
    await unwrap(api.call.POST('/api/auth/logout', { body: {} }))
    tellOtherTabs()
    // A new page: nothing of theirs stays in memory.
    window.location.assign('/sign-in')
  } catch (error) {
    failed(error, 'You are still signed in')
  }
}
