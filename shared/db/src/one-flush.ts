import type pg from 'pg'
import type { ByteRow } from './byte-rows.ts'
import { cutOffLater } from './connect.ts'

/** A query that each connection prepares once: planned once, too, which is most of what a page costs Postgres. */
export type Statement = { name: string; text: string }
/** A statement with its parameters as Postgres reads them: text, or bytes for a bytea. */
export type Part = { statement: Statement; values: readonly (string | Buffer | null)[] }

// What of pg's connection a query object is given (pg.Submittable); its types do not say these.
type Wire = {
  stream: { cork(): void; uncork(): void }
  close(message: { type: 'S'; name: string }): void
  parse(query: Statement & { types: number[] }): void
  bind(config: { statement: string; values: Part['values'] }): void
  execute(config: { rows: number }): void
  sync(): void
}

const prepared = new WeakMap<object, Set<string>>()

/**
 * Runs the parts in one message, which is one transaction: Postgres commits at its end, and after an error executes nothing
 * that stands behind it (PostgreSQL documentation, 54.2.3 Extended Query, and 54.2.4 Pipelining). Gives the rows of each part.
 * @param pool `readPoolOf`, whose connections give bytes.
 */
export async function runInOneFlush(pool: pg.Pool, parts: readonly Part[]): Promise<ByteRow[][]> {
  const client = await pool.connect()
  const answered = cutOffLater(pool, client)
  try {
    const rows = await new Promise<ByteRow[][]>((resolve, reject) => {
      client.query(flush(parts, resolve, reject) as unknown as pg.Submittable)
    })
    client.release()
    return rows
  } catch (error) {
    // What Postgres itself said leaves the connection usable; anything else does not.
    const said = error instanceof Error && 'severity' in error && error.severity === 'ERROR'
    client.release(said ? undefined : (error as Error))
    throw error
  } finally {
    answered()
  }
}

/** The query object that pg drives: it writes itself to the connection and is told what comes back. */
function flush(parts: readonly Part[], resolve: (rows: ByteRow[][]) => void, reject: (error: Error) => void) {
  const rows: ByteRow[][] = parts.map(() => [])
  let at = 0
  let known: Set<string>
  const ignore = () => undefined
  return {
    submit(wire: Wire) {
      known = prepared.get(wire) ?? new Set()
      prepared.set(wire, known)
      wire.stream.cork()
      for (const { statement, values } of parts) {
        if (!known.has(statement.name)) {
          // After an error nobody knows which of the names are taken; closing one that is not is no error.
          wire.close({ type: 'S', name: statement.name })
          wire.parse({ ...statement, types: [] })
          known.add(statement.name)
        }
        wire.bind({ statement: statement.name, values })
        wire.execute({ rows: 0 })
      }
      wire.sync()
      wire.stream.uncork()
    },
    handleDataRow: ({ fields }: { fields: ByteRow }) => void rows[at]!.push(fields),
    handleCommandComplete() {
      at++
    },
    handleError(error: Error) {
      for (const { statement } of parts) known?.delete(statement.name)
      reject(error)
    },
    handleReadyForQuery: () => resolve(rows),
    handleRowDescription: ignore,
    handleEmptyQuery: ignore,
    handlePortalSuspended: ignore,
    handleCopyInResponse: ignore,
    handleCopyData: ignore,
  }
}
