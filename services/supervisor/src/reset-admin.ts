import { randomBytes } from 'node:crypto'
import { makePassword } from '@nora/crypto/passwords'
import { callAsMigrator } from './as-migrator.ts'
import type { Layout } from './layout.ts'

/**
 * Gives a platform admin (the first one, or the one with this e-mail) a new random password; every session of theirs
 * ends. Needs the running database. Returns the e-mail and the password, which is stored nowhere.
 */
export async function resetAdmin(
  layout: Layout,
  email: string | undefined,
  signal: AbortSignal,
): Promise<{ email: string; password: string }> {
  const password = randomBytes(18).toString('base64url')
  const { salt, verifier } = await makePassword(password, signal)
  try {
    const values = [email ?? null, salt, verifier]
    return { email: await callAsMigrator<string>(layout, 'nora.reset_admin($1, $2, $3)', values), password }
  } catch (error) {
    if ((error as { code?: string }).code !== 'NR404') throw error
    throw new Error(email ? `${email} is no platform admin` : 'nobody has claimed this server yet')
  }
}
