import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { AuditEntry } from '@nora/crypto/audit-chain'
import type { FoundCheckpoint } from './checkpoints.ts'
import { type Findings, findings } from './findings.ts'
import type { ChainLine } from './verify-chain.ts'

const longestLine = 1024 * 1024
const hex64 = /^[0-9a-f]{64}$/

/** Every `.jsonl` of a folder, or the file itself; in the order of their names. Throws when there is none. */
export async function filesOf(paths: readonly string[]): Promise<string[]> {
  const files: string[] = []
  for (const path of paths) {
    if (!(await stat(path)).isDirectory()) files.push(path)
    else
      files.push(
        ...(await readdir(path)).filter((name) => name.endsWith('.jsonl')).map((name) => join(path, name)),
      )
  }
  if (files.length === 0) throw new Error(`no .jsonl file in ${paths.join(', ')}`)
  return files.sort((a, b) => (basename(a) < basename(b) ? -1 : 1))
}

/** The checkpoints that stand in files, beside other lines. */
export async function checkpointsIn(files: readonly string[], report: Findings): Promise<FoundCheckpoint[]> {
  const found: FoundCheckpoint[] = []
  // Lines that are none at all are reported by whoever reads the entries.
  for await (const { value, where } of records(files, findings())) {
    if (value['kind'] !== 'checkpoint') continue
    const { position, hash, time, kid, signature } = value
    const wellFormed =
      isPlace(position) &&
      [hash, time, kid, signature].every((text) => typeof text === 'string' && text.length < 200)
    if (wellFormed) found.push({ position, hash, time, kid, signature, where } as FoundCheckpoint)
    else report.add('forged-checkpoint', null, `${where}: is no checkpoint`)
  }
  return found
}

/**
 * The places of the chain that stand in files, in the files' order; of several folders, which are the copies of several workers,
 * place by place.
 */
export async function* entriesIn(files: readonly string[], report: Findings): AsyncIterable<ChainLine> {
  const copies = [...new Set(files.map(dirname))].map((folder) => {
    const lines = entriesOfCopy(
      files.filter((path) => dirname(path) === folder),
      report,
    )[Symbol.asyncIterator]()
    return { lines, head: undefined as ChainLine | undefined }
  })
  const advance = async (copy: (typeof copies)[number]) => {
    const { done, value } = await copy.lines.next()
    copy.head = done ? undefined : value
  }
  for (const copy of copies) await advance(copy)
  for (;;) {
    const [first] = copies.filter(({ head }) => head).sort((a, b) => a.head!.position - b.head!.position)
    if (!first) return
    yield first.head!
    await advance(first)
  }
}

async function* entriesOfCopy(files: readonly string[], report: Findings): AsyncIterable<ChainLine> {
  for await (const { value, where } of records(files, report)) {
    if (value['kind'] === 'checkpoint') continue
    const { kind, position, previous, hash, entry } = value
    const wellFormed = kind === 'entry' && isPlace(position) && isHash(previous) && isHash(hash)
    if (wellFormed && typeof entry === 'object' && entry !== null) {
      yield { position, previous, hash, entry: entry as AuditEntry, where }
    } else
      report.add('unreadable', isPlace(position) ? position : null, `${where}: is no line of an audit export`)
  }
}

const isPlace = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0
const isHash = (value: unknown): value is string => typeof value === 'string' && hex64.test(value)

type Record_ = { value: Record<string, unknown>; where: string }

async function* records(files: readonly string[], report: Findings): AsyncIterable<Record_> {
  for (const path of files) {
    let number = 0
    for await (const { text, whole } of linesOf(path)) {
      const where = `${basename(path)}:${++number}`
      const value = parse(text)
      if (value) yield { value, where }
      // What a killed worker left of its last line; it cuts it off when it starts again.
      else if (whole) report.add('unreadable', null, `${where}: is not JSON`)
    }
  }
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** The lines of a file in bounded memory; `whole` is false for one without its line break. */
async function* linesOf(path: string): AsyncIterable<{ text: string; whole: boolean }> {
  let rest = Buffer.alloc(0)
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    let data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (let end = data.indexOf(0x0a); end !== -1; end = data.indexOf(0x0a)) {
      yield { text: data.toString('utf8', 0, end), whole: true }
      data = data.subarray(end + 1)
    }
    if (data.length > longestLine) throw new Error(`${path} has a line of more than ${longestLine} bytes`)
    rest = Buffer.from(data)
  }
  if (rest.length > 0) yield { text: rest.toString('utf8'), whole: false }
}
