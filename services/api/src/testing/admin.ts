import { expect } from 'vitest'
import type { Client } from './client.ts'
import { password, type TestApi } from './test-api.ts'

/** Whoever claimed the server, signed in to the admin app and stepped up. `console` is their session in the console. */
export type TestAdmin = { admin: Client; console: Client }

/** Call it first: the first account is the platform admin. */
export async function claimAsAdmin(api: TestApi): Promise<TestAdmin> {
  const inConsole = await api.signUp()
  expect(inConsole.user!.platformRole).toBe('admin')
  const admin = await api.anonymous.adminLogin(inConsole.user!.email, password)
  await stepUpAdmin(admin)
  return { admin, console: inConsole }
}

export async function stepUpAdmin(admin: Client): Promise<void> {
  const answer = await admin.post('/api/admin/auth/step-up', { password })
  expect(answer.status, answer.text).toBe(204)
}
