import { credentialType } from '@nora/contract/credential-catalog'
import { type FollowerActor, type OperationActor, withActor } from '@nora/db/actor'
import type { DB } from '@nora/db/schema'
import { type GivenSecret, givenSecrets } from '@nora/db/worker-credentials'
import { scrubText } from '@nora/log/scrub'
import { exactScrubber } from '@nora/log/scrub-exact'
import type { Kysely } from 'kysely'
import { type Keyring, openFields } from './open-secret.ts'
import { wipeFields } from './secret-fields.ts'

/** Takes out of an agent's lines what it was given and what looks like a secret. */
export type LineScrubber = {
  /** Which gifts it knows: the newest `seq`, 0 for none. */
  givenSeq: number
  /** The same number of lines, cleaned. Lines of one call are looked at together, those of a PEM key over calls. */
  scrub(lines: string[], joined?: string): string[]
}

/**
 * Where a log stands: how many lines of a private key it has shown that has not ended. Who scrubs the same lines again, because
 * they could not be stored, sets it back first.
 */
export type PemState = { lines: number }

const REDACTED = '[redacted]'
const pemBegins = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/
const pemEnds = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/
const mostPemLines = 300
const blockLines = 16
/** Sealed bytes that are looked for: what an agent can hold at once (50 keys of 16 KiB) and versions of before. */
const mostSealed = 1024 * 1024

/**
 * Reads, as an agent's operation or follower, all that the agent was given and may still print, and prepares to remove
 * it in every spelling (`exactScrubber`). Buffers are wiped; the prepared spellings are strings and live as long as
 * the scrubber does.
 * @throws OpenFailure when a record does not open: then nobody knows what to look for.
 */
export async function loadScrubber(
  deps: { db: Kysely<DB>; keyring: Keyring },
  actor: FollowerActor | OperationActor,
  agentId: string,
  pem: PemState = { lines: 0 },
): Promise<LineScrubber> {
  const given = await withActor(deps.db, actor, (tx) => givenSecrets(tx, agentId))
  const values: Buffer[] = []
  try {
    for (const row of lookedFor(given)) values.push(...(await secretValues(deps.keyring, row)))
    return lineScrubber(exactScrubber(values), given.at(-1)?.seq ?? 0, pem)
  } finally {
    for (const value of values) value.fill(0)
  }
}

/** A program's own words, cleaned, for whoever shows them to people (last lines in a reason, an event). */
export async function scrubWords(
  deps: { db: Kysely<DB>; keyring: Keyring },
  actor: OperationActor,
  agentId: string,
  lines: string[],
): Promise<string[]> {
  return (await loadScrubber(deps, actor, agentId)).scrub(lines)
}

/**
 * What is looked for of all that was given: every key's newest version first, then older ones, the newest first, as far
 * as the budget goes. Without one, whoever replaces and syncs large keys again and again would fill this process.
 */
export function lookedFor<T extends Pick<GivenSecret, 'id' | 'sealed'>>(given: readonly T[]): T[] {
  const newest = new Map(given.map((row) => [row.id, row]))
  const older = given.filter((row) => newest.get(row.id) !== row)
  let left = mostSealed
  return [...[...newest.values()].reverse(), ...older.reverse()].filter((row) => {
    left -= row.sealed.length
    return left >= 0
  })
}

/** Fields that the catalogue calls public (a model's name) stay readable. */
async function secretValues(keyring: Keyring, row: GivenSecret): Promise<Buffer[]> {
  const fields = await openFields(keyring, row)
  const known = credentialType(row.kind, row.provider)?.fields ?? []
  const open = new Set(known.filter((field) => !field.secret).map((field) => field.name))
  const isOpen = (name: string) => open.has(name)
  wipeFields(Object.fromEntries(Object.entries(fields).filter(([name]) => isOpen(name))))
  return Object.entries(fields).flatMap(([name, value]) => (isOpen(name) ? [] : [value]))
}

export function lineScrubber(
  exact: (text: string) => string,
  givenSeq: number,
  pem: PemState = { lines: 0 },
): LineScrubber {
  const clean = (text: string) => scrubText(exact(text))

  // Line by line, for the rare text in which something to remove goes over several lines.
  function one(line: string): string {
    if (pem.lines > 0) {
      const ends = pemEnds.test(line)
      pem.lines = ends || pem.lines > mostPemLines ? 0 : pem.lines + 1
      return REDACTED
    }
    if (line.includes('-----') && pemBegins.test(line) && !pemEnds.test(line)) pem.lines = 1
    return clean(line)
  }

  // In blocks: a text in which nothing hints at a secret costs one look, so a hint should cost its few neighbours alone.
  function inBlocks(lines: string[]): string[] | undefined {
    const cleaned: string[] = []
    for (let at = 0; at < lines.length; at += blockLines) {
      const block = lines.slice(at, at + blockLines)
      const text = block.join('\n')
      const scrubbed = scrubText(text)
      const result = scrubbed === text ? block : scrubbed.split('\n')
      if (result.length !== block.length) return undefined
      for (const line of result) cleaned.push(line)
    }
    return cleaned
  }

  return {
    givenSeq,
    scrub(lines, joined = lines.join('\n')) {
      if (lines.length === 0) return lines
      if (pem.lines === 0 && !pemBegins.test(joined)) {
        const text = exact(joined)
        const known = text === joined ? lines : text.split('\n')
        const cleaned = known.length === lines.length ? inBlocks(known) : undefined
        if (cleaned) return cleaned
      }
      return lines.map(one)
    },
  }
}
