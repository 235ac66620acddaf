import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { type Verdict, verifyAudit } from './verify.ts'

const help = `usage: npm run audit:verify -- --public-key KEY --files PATH [--files PATH...] [--database URL]

Checks Nora's audit log offline: every row is what was written, in its order, none is missing, none was put in, and what
was signed is still there. Needs no secret.

  --public-key KEY  the public key in base64url (43 characters), or a file with one a line, such as public-key.txt of the
                    worker's audit folder. Take it from the copy that you keep elsewhere. May be given again.
  --files PATH      checkpoints-*.jsonl and entries-*.jsonl, or their folder; from a copy that is kept elsewhere. May be
                    given again.
  --database URL    check the database against the files: postgres://..., as a superuser, nora_migrator or a member of
                    nora_audit. - stands for DATABASE_URL. Without it the files alone are checked.
  --partial         the files may begin later than at the first row, because older ones were archived
  --json            one JSON document instead of lines
  --help            this page

exit code: 0 all is well; 1 something was found; 2 wrong usage; 3 it could not be checked (unreachable, unreadable)

findings: edit (a row was changed), gap (rows are missing), reorder, cut-tail (the newest rows are missing), fork (the chain
was written anew, or signed twice), forged-checkpoint, unsigned, unchained, unreadable. docs/audit.md explains them.
`

export type Output = { out(text: string): void; err(text: string): void }

/**
 * The command `audit verify`: gives the exit code. `env` is asked for DATABASE_URL only with `--database -`.
 */
export async function auditVerify(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  output: Output,
): Promise<number> {
  const parsed = parse(args)
  if (typeof parsed === 'string') {
    output.err(`${parsed}\n\n${help}`)
    return 2
  }
  if (parsed.help) {
    output.out(help)
    return 0
  }
  const databaseUrl = parsed.database === '-' ? env['DATABASE_URL'] : parsed.database
  if (parsed.database === '-' && !databaseUrl) {
    output.err('--database - asks for DATABASE_URL, which is not set\n')
    return 2
  }
  try {
    const keys = await Promise.all(parsed['public-key'].map(readKeys))
    const verdict = await verifyAudit({
      publicKeys: keys.flat(),
      files: parsed.files,
      partial: parsed.partial,
      ...(databaseUrl !== undefined && { databaseUrl }),
    })
    output.out(parsed.json ? `${JSON.stringify(verdict)}\n` : describe(verdict))
    return verdict.found === 0 ? 0 : 1
  } catch (error) {
    // A driver's message may repeat what it was given; an address with a password is not repeated here.
    const message = error instanceof Error ? error.message : String(error)
    output.err(
      `could not be checked: ${databaseUrl ? message.replaceAll(databaseUrl, '(database)') : message}\n`,
    )
    return error instanceof UsageError ? 2 : 3
  }
}

class UsageError extends Error {}

function parse(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        'public-key': { type: 'string', multiple: true, default: [] },
        files: { type: 'string', multiple: true, default: [] },
        database: { type: 'string' },
        partial: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    if (!values.help && values['public-key'].length === 0) return '--public-key is missing'
    if (!values.help && values.files.length === 0) return '--files is missing'
    return values
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const keyForm = /^[A-Za-z0-9_-]{43}$/

async function readKeys(given: string): Promise<Buffer[]> {
  const lines = keyForm.test(given)
    ? [given]
    : (await readFile(given, 'utf8')).split('\n').map((line) => line.trim())
  const keys = lines.filter((line) => line !== '')
  const wrong = keys.find((line) => !keyForm.test(line))
  if (keys.length === 0 || wrong !== undefined)
    throw new UsageError(`${given} holds no public key in base64url`)
  return keys.map((line) => Buffer.from(line, 'base64url'))
}

function describe({ findings, found, rows, first, last, unsigned, waiting }: Verdict): string {
  const lines = findings.map(
    ({ kind, position, what }) => `${kind.toUpperCase()} at ${position ?? 'no place'}: ${what}`,
  )
  if (found > findings.length) lines.push(`and ${found - findings.length} more`)
  const rest = `${unsigned} of them not signed yet${waiting > 0 ? `; ${waiting} rows wait to be chained` : ''}`
  lines.push(`${rows} rows, places ${first} to ${last}, ${rest}`)
  lines.push(found === 0 ? 'the audit log is whole' : `${found} findings: THE AUDIT LOG IS NOT WHOLE`)
  return `${lines.join('\n')}\n`
}
