import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type AuditEntry, canonicalEntry, deriveAuditKey, genesis, hashEntry } from '@nora/crypto/audit-chain'
import { tempFolder } from '@nora/testing/temp-folder'
import { auditVerify } from '../verify-command.ts'

export const key = deriveAuditKey(Buffer.alloc(32, 5))
export const publicKey = key.publicKey.toString('base64url')

export type Line = { kind: 'entry'; position: number; previous: string; hash: string; entry: AuditEntry }

/** Lines 1 to n as a worker writes them, after `previous`. */
export function makeLines(n: number, from = 1, previous = genesis, mark = 'row'): Line[] {
  const lines: Line[] = []
  let before = previous
  for (let position = from; position < from + n; position++) {
    const entry = {
      actor_id: null,
      details: '{}',
      event_type: 'TEST_ROW',
      id: `${mark}-${position}`,
      seq: position,
    }
    const hash = hashEntry(before, canonicalEntry(entry))
    lines.push({
      kind: 'entry',
      position,
      previous: before.toString('hex'),
      hash: hash.toString('hex'),
      entry,
    })
    before = hash
  }
  return lines
}

/** What a worker signs for a line. */
export function checkpointFor(line: Line, signer = key, time = '2026-01-02T03:04:05.678Z') {
  const { position, hash } = line
  return { kind: 'checkpoint', ...signer.sign({ position, hash, time, kid: signer.kid.toString('hex') }) }
}

/** Runs the command over these files of a folder of its own. */
export async function verifyFiles(files: Record<string, readonly unknown[] | string>, ...more: string[]) {
  const folder = await tempFolder('nora-audit-files-')
  for (const [name, lines] of Object.entries(files)) {
    const text = typeof lines === 'string' ? lines : lines.map((line) => `${JSON.stringify(line)}\n`).join('')
    await writeFile(join(folder, name), text)
  }
  return run(['--files', folder, '--public-key', publicKey, '--json', ...more])
}

export async function run(args: string[], env: Record<string, string> = {}) {
  let [out, err] = ['', '']
  const code = await auditVerify(args, env, {
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
  })
  const verdict = out.startsWith('{') ? JSON.parse(out) : { findings: [] }
  const kinds = (verdict.findings as { kind: string; position: number | null }[]).map(
    ({ kind, position }) => `${kind} ${position}`,
  )
  return { code, out, err, verdict, kinds }
}
