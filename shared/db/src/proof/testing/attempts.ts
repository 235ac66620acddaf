import pg from 'pg'

/** What came of one statement: everything that came back as one text, the rows it touched or gave, or how it was refused. */
export type Outcome = { text: string; count: number; code?: string; message?: string }

type Wire = { connection: { on(event: 'copyData', listener: (message: { chunk: Buffer }) => void): void } }

export type Session = {
  /** Runs text that is no attack: a failure is the test's. */
  run: (text: string) => Promise<pg.QueryResult[]>
  /** Runs one attack (or several statements in one message) inside the open transaction, and undoes it. */
  attempt: (text: string) => Promise<Outcome>
  end: () => Promise<void>
}

const undo = 'rollback to attack; release attack'

/** One connection as a role: by its own password, or as another one by a superuser's word. */
export async function openSession(url: string, role?: string): Promise<Session> {
  const client = new pg.Client({ connectionString: url, options: '-c search_path=pg_catalog,nora,pg_temp' })
  client.on('error', () => undefined)
  await client.connect()
  let copied = ''
  const { connection } = client as unknown as Wire
  connection.on('copyData', ({ chunk }) => {
    copied += chunk.toString('utf8')
  })
  const run = async (text: string) => [await client.query(text)].flat() as pg.QueryResult[]
  if (role) await run(`set session authorization ${role}`)
  return {
    run,
    attempt: async (text) => {
      copied = ''
      try {
        // All in one message; after an error the rest of it is not executed.
        const results = (await run(`savepoint attack; ${text}; ${undo}`)).slice(1, -2)
        const rows = results.flatMap((result) => result.rows)
        const count = results.reduce((sum, result) => sum + (result.rowCount ?? 0), 0)
        return { text: JSON.stringify(rows) + copied, count }
      } catch (error) {
        const { code, message, detail = '' } = error as pg.DatabaseError
        // What Postgres cannot read was tried by nobody: the attack is wrong, not refused.
        if (code === undefined || code === '42601') throw error
        await run(undo)
        return { text: `${message} ${detail}`, count: 0, code, message: `${message} ${detail}` }
      }
    },
    end: () => client.end(),
  }
}
