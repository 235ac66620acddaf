import { type OperationActor, withActor } from '@nora/db/actor'
import type { DB } from '@nora/db/schema'
import { givenSecrets } from '@nora/db/worker-credentials'
import { scrubText } from '@nora/log/scrub'
import { exactScrubber } from '@nora/log/scrub-exact'
import type { Kysely } from 'kysely'
import { type Keyring, OpenFailure, openFields } from '../secrets/open-secret.ts'
import { wipeFields } from '../secrets/secret-fields.ts'

/**
 * A program's last words as they may be stored and shown: without the keys that its agent was given, and without
 * known token shapes. A key that does not open cannot be looked for: then no line is kept.
 */
export async function scrubWords(
  deps: { db: Kysely<DB>; keyring: Keyring },
  actor: OperationActor,
  agentId: string,
  lines: readonly string[],
): Promise<string[]> {
  if (lines.length === 0) return []
  const given = await withActor(deps.db, actor, (tx) => givenSecrets(tx, agentId))
  const opened: Record<string, Buffer>[] = []
  try {
    for (const row of given) opened.push(await openFields(deps.keyring, row))
    const scrub = exactScrubber(opened.flatMap((fields) => Object.values(fields)))
    return lines.map((line) => scrubText(scrub(line)))
  } catch (error) {
    if (error instanceof OpenFailure) return []
    throw error
  } finally {
    for (const fields of opened) wipeFields(fields)
  }
}
