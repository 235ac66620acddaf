import { randomBytes, randomUUID } from 'node:crypto'
import { credentialAad } from '@nora/crypto/aad'
import { deriveSealing } from '@nora/crypto/keys'
import { open } from '@nora/crypto/open'
import { seal } from '@nora/crypto/seal'
import { introduceKey } from '@nora/db/rotation'
import { createLogger } from '@nora/log/logger'
import { person } from '@nora/testing/people'
import { type RotationDeps, resealBatch } from '@nora/worker/rotation/rotate'
import { rotationKeys, verifierOf } from '@nora/worker/rotation/rotation-keys'
import { type Bench, type BenchContext, median, type Row } from './bench.ts'

type Database = Awaited<ReturnType<BenchContext['services']['database']>>
type Stored = { id: string; aad: Buffer; sealed: Buffer }
type Turn = { rate: number; wallRate: number }

const sizes = [200, 2_000, 10_000]
const provider = 'openai'
const hosts = ['api.openai.com']

export const rotate: Bench = {
  name: 'rotate',
  about:
    'rows of an older encryption key re-sealed by the worker (Postgres included) against opening and sealing the same records with @hpke/core alone: >= 0.7x rows a second of one core.',
  deadlineMs: 600_000,
  async run(context) {
    const database = await context.services.database()
    const owner = await person(database, 'owner')
    const keys = [1, 2].map((version) => deriveSealing(randomBytes(32), version)) as [Sealing, Sealing]
    const secret = Buffer.from(JSON.stringify({ apiKey: `sk-bench-${'x'.repeat(40)}` }))
    const stored: Stored[] = []
    for (let i = 0; i < Math.max(...sizesOf(context)); i++) {
      const id = randomUUID()
      const aad = aadOf(owner, id, 1)
      stored.push({ id, aad, sealed: await seal(keys[0].sealKey, secret, aad) })
    }
    context.say(`${stored.length} records made`)
    const deps = await rotationOf(database, keys)
    const rows: Row[] = []
    for (const size of sizesOf(context)) {
      const runs = context.quick ? 2 : size > 2_000 ? 3 : 5
      const records = stored.slice(0, size)
      const ours: Turn[] = []
      const theirs: Turn[] = []
      for (let turn = size === sizes[0] ? -1 : 0; turn < runs; turn++) {
        await store(database, owner, records)
        const { here, there } = await inTurns(
          deps,
          records,
          (some) => hpkeAlone(keys, some, owner, context.signal),
          context.signal,
        )
        if (turn < 0) continue // at first: both must have compiled what they run
        ours.push(...here)
        theirs.push(...there)
      }
      const rate = median(ours.map((one) => one.rate))
      const yardstick = median(theirs.map((one) => one.rate))
      const walls = [ours, theirs].map((turns) => Math.round(median(turns.map((one) => one.wallRate))))
      rows.push({
        name: 'rows re-sealed per second of one core',
        unit: 'rows/s',
        ours: rate,
        yardstick,
        ratio: rate / yardstick,
        goal: { atLeast: 0.7 },
        cpuMs: 1_000 / rate,
        runs,
        size: `${size} rows`,
        note: `by the clock ${walls[0]} against ${walls[1]} rows/s`,
      })
      context.say(`${size} rows: ${rate.toFixed(0)} against ${yardstick.toFixed(0)} a core second`)
    }
    const [first, last] = [rows[0], rows.at(-1)] as [Row, Row]
    const note = 'CPU of a row at the largest size against the smallest: 1 is no growth'
    const growth = (last.cpuMs ?? 0) / (first.cpuMs ?? 1)
    return [...rows, { name: 'slope', unit: 'x', ours: growth, runs: first.runs, note }]
  },
}

type Sealing = ReturnType<typeof deriveSealing>
type Owner = { userId: string; workspaceId: string }

const sizesOf = ({ quick }: BenchContext) => (quick ? sizes.slice(0, 2) : sizes)

const aadOf = (owner: Owner, rowId: string, keyVersion: number) =>
  credentialAad({
    ...{ table: 'credentials', column: 'sealed', rowId, keyVersion, secretVersion: 1, kind: 'llm', provider },
    ...{ workspaceId: owner.workspaceId, ownerId: owner.userId, destinationHosts: hosts },
  })

/** The worker's own parts, with the newer key made known to Postgres. */
async function rotationOf(database: Database, [old, current]: [Sealing, Sealing]): Promise<RotationDeps> {
  const rotation = { ...rotationKeys({ version: 2, key: randomBytes(32) }, []), sealKey: current.sealKey }
  const { version, kid8 } = current.sealKey
  await introduceKey(database.worker, { version, kid8, verifier: verifierOf(rotation.proof) }, [])
  const keyring = { keys: [current.openKey, old.openKey], allowPlaintext: false }
  return { db: database.worker, log: createLogger({ service: 'bench', level: 'error' }), keyring, rotation }
}

/** Puts the rows back under the older key, in a table without the last turn's dead rows. */
async function store(database: Database, owner: Owner, records: readonly Stored[]): Promise<void> {
  await database.asSuperuser('delete from nora.credentials')
  await database.asSuperuser(
    `insert into nora.credentials (id, workspace_id, owner_id, kind, provider, label, sealed, key_version, destination_hosts, fingerprint)
     select x.id, $3, $4, 'llm', $5, 'key', x.sealed, 1, $6, '00000000' from unnest($1::uuid[], $2::bytea[]) as x (id, sealed)`,
    [
      records.map((one) => one.id),
      records.map((one) => one.sealed),
      owner.workspaceId,
      owner.userId,
      provider,
      hosts,
    ],
  )
  await database.asSuperuser('vacuum analyze nora.credentials')
}

/**
 * Batch by batch until no row is left, each followed by as many records of the yardstick: whatever else the machine does
 * then slows both.
 */
async function inTurns(
  deps: RotationDeps,
  records: readonly Stored[],
  alone: (some: readonly Stored[]) => Promise<void>,
  signal: AbortSignal,
): Promise<{ here: Turn[]; there: Turn[] }> {
  const [here, there]: [Turn[], Turn[]] = [[], []]
  for (let done = 0; done < records.length; ) {
    const began = cost()
    const { resealed } = await resealBatch(deps, signal)
    if (resealed === 0) throw new Error(`${done} of ${records.length} rows were re-sealed`)
    here.push(rates(resealed, began))
    const next = cost()
    await alone(records.slice(done, done + resealed))
    there.push(rates(resealed, next))
    done += resealed
  }
  return { here, there }
}

/** What no re-sealing can do without: each record opened with the older key and sealed with the newer one. */
async function hpkeAlone(
  [old, current]: [Sealing, Sealing],
  records: readonly Stored[],
  owner: Owner,
  signal: AbortSignal,
) {
  const keyring = [old.openKey]
  for (const { id, aad, sealed } of records) {
    signal.throwIfAborted()
    const plaintext = await open(keyring, sealed, aad)
    await seal(current.sealKey, plaintext, aadOf(owner, id, 2))
    plaintext.fill(0)
  }
}

const cost = () => ({ at: performance.now(), cpu: process.cpuUsage() })

/** Rows a second of CPU, and by the clock. */
function rates(rows: number, began: ReturnType<typeof cost>): Turn {
  const { user, system } = process.cpuUsage(began.cpu)
  return { rate: rows / ((user + system) / 1e6), wallRate: rows / ((performance.now() - began.at) / 1000) }
}
