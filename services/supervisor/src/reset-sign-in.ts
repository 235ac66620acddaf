import { callAsMigrator } from './as-migrator.ts'
import type { Layout } from './layout.ts'

/**
 * Takes the passkeys and recovery codes off an account whose person has lost them; every session of theirs ends. Gives how
 * many passkeys there were. Needs the running database.
 */
export async function resetPasskeys(layout: Layout, email: string): Promise<number> {
  try {
    return await callAsMigrator<number>(layout, 'nora.reset_passkeys($1)', [email])
  } catch (error) {
    if ((error as { code?: string }).code !== 'NR404') throw error
    throw new Error(`nobody here has the address ${email}`)
  }
}

/** Has the database take the api's present NORA_CAPABILITY_PRIVATE_KEY for sign-in providers and passkeys, at its next start. */
export async function forgetApiProof(layout: Layout): Promise<void> {
  await callAsMigrator(layout, 'nora.forget_api_proof()', [])
}
