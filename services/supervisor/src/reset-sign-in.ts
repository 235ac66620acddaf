import { callAsMigrator } from './as-migrator.ts'
import type { Layout } from './layout.ts'

/** Has the database take the api's present NORA_CAPABILITY_PRIVATE_KEY for sign-in providers, at its next start. */
export async function forgetApiProof(layout: Layout): Promise<void> {
  await callAsMigrator(layout, 'nora.forget_api_proof()', [])
}
