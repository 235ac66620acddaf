import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { genesis } from '@nora/crypto/audit-chain'
import {
  auditStatus,
  type ChainedRow,
  chainedAfter,
  checkpointsAfter,
  holdingChain,
} from '@nora/db/audit-chain'
import { type ChainDeps, follow, type KnownPlace, requireKnown, wireCheckpoint } from './chain.ts'
import { openRecords, type RecordFiles } from './record-file.ts'

export type AuditExport = {
  /** The last place that is on this worker's disk; nothing before `begin` has resolved. */
  known(): KnownPlace
  /** Reads what earlier processes have written; once. */
  begin(): Promise<void>
  /** One round: writes what is not on the disk yet, after checking that it follows. True: there is more. */
  round(): Promise<boolean>
}

const batch = 500
const checkpointBatch = 1_000
const defaultRotateBytes = 64 * 1024 * 1024

/**
 * Keeps the chain outside the database: `entries-*.jsonl` and `checkpoints-*.jsonl`, append-only, synced, a new file
 * each 64 MiB, and `public-key.txt`. What they hold is this worker's memory of the chain, by which it notices a tail that
 * was cut off or a past that was written anew. Goes on at the last whole line, whoever was killed when.
 */
export function auditExport(deps: ChainDeps, folder: string, rotateBytes = defaultRotateBytes): AuditExport {
  const { db } = deps
  let known: KnownPlace = { position: 0, hash: genesis }
  let signed = 0
  let begun = false

  async function look(): Promise<{ entries: RecordFiles; checkpoints: RecordFiles }> {
    const entries = await openRecords(folder, 'entries', rotateBytes)
    const checkpoints = await openRecords(folder, 'checkpoints', rotateBytes)
    known = placeOf(entries.last())
    signed = placeOf(checkpoints.last()).position
    return { entries, checkpoints }
  }

  async function begin(): Promise<void> {
    if (begun) return
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await holdingChain(db, 0, async () => {
      await writePublicKeys(deps, folder)
      await look()
    })
    begun = true
  }

  return {
    known: () => known,
    begin,
    async round() {
      await begin()
      const status = await auditStatus(db, known.position)
      requireKnown(known, status.position, status.knownHash)
      if (status.position === known.position && status.checkpoint <= signed) return false
      return holdingChain(db, known.position, async ({ tx }) => {
        const { entries, checkpoints } = await look()
        const rows = await chainedAfter(tx, known.position, batch)
        let place = known
        for (const row of rows) place = follow(place, row)
        await entries.append(known.position + 1, rows.map(entryLine))
        known = place
        const made = (await checkpointsAfter(tx, signed, checkpointBatch)).filter(
          (one) => one.position <= place.position,
        )
        await checkpoints.append(made[0]?.position ?? 0, made.map(checkpointLine))
        signed = made.at(-1)?.position ?? signed
        return place.position < status.position
      })
    },
  }
}

const entryLine = ({ position, previous, hash, entry }: ChainedRow) =>
  `{"kind":"entry","position":${position},"previous":"${previous.toString('hex')}","hash":"${hash.toString('hex')}","entry":${entry}}`

const checkpointLine = (row: Parameters<typeof wireCheckpoint>[0]) =>
  JSON.stringify({ kind: 'checkpoint', ...wireCheckpoint(row) })

function placeOf(line: Record<string, unknown> | undefined): KnownPlace {
  if (line === undefined) return { position: 0, hash: genesis }
  const { position, hash } = line
  if (!Number.isSafeInteger(position) || typeof hash !== 'string' || !/^[0-9a-f]{64}$/.test(hash)) {
    throw new Error(
      'the last line of an audit export names no place: move the files away, and see docs/audit.md',
    )
  }
  return { position: position as number, hash: Buffer.from(hash, 'hex') }
}

/** One key a line, every key that was ever used here, the present one last. */
async function writePublicKeys({ auditKeys }: ChainDeps, folder: string): Promise<void> {
  const path = join(folder, 'public-key.txt')
  const before = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  const own = auditKeys.map((key) => key.publicKey.toString('base64url')).reverse()
  const kept = before.split('\n').filter((line) => line !== '' && !own.includes(line))
  const text = [...kept, ...own].map((line) => `${line}\n`).join('')
  if (text === before) return
  await writeFile(`${path}.new`, text, { mode: 0o600 })
  await rename(`${path}.new`, path)
}
