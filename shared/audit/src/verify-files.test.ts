import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { canonicalEntry, deriveAuditKey, hashEntry } from '@nora/crypto/audit-chain'
import { describe, expect, test } from 'vitest'
import {
  checkpointFor,
  key,
  type Line,
  makeLines,
  publicKey,
  run,
  verifyFiles,
} from './testing/exported-chain.ts'

const lines = makeLines(20)
const marks = [checkpointFor(lines[9]!), checkpointFor(lines[17]!)]
const at = (position: number) => lines[position - 1]!
const verify = (
  entries: readonly unknown[] | string,
  checkpoints: readonly unknown[] = marks,
  ...more: string[]
) =>
  verifyFiles(
    { 'entries-000000000000001.jsonl': entries, 'checkpoints-000000000000010.jsonl': checkpoints },
    ...more,
  )
const changed = (position: number, change: (line: Line) => Line) =>
  lines.map((line) => (line.position === position ? change(line) : line))
const edited = (line: Line): Line => ({ ...line, entry: { ...line.entry, actor_id: 'somebody else' } })
/** The lines from a place on with all hashes computed anew, as anybody can. */
function rechained(from: number, change: (line: Line) => Line): Line[] {
  const result = lines.slice(0, from - 1)
  for (const line of lines.slice(from - 1)) {
    const previous = Buffer.from(result.at(-1)!.hash, 'hex')
    const { entry } = line.position === from ? change(line) : line
    const hash = hashEntry(previous, canonicalEntry(entry)).toString('hex')
    result.push({ ...line, entry, previous: previous.toString('hex'), hash })
  }
  return result
}

describe('exported files', () => {
  test('that are whole', async () => {
    const { code, kinds, verdict } = await verify(lines)
    expect([code, kinds]).toEqual([0, []])
    expect(verdict).toMatchObject({ rows: 20, first: 1, last: 20, unsigned: 2 })
  })

  test('in several files, with a line twice and half a line at the end, as kill -9 leaves them', async () => {
    const text = (some: readonly unknown[]) => some.map((line) => `${JSON.stringify(line)}\n`).join('')
    const { code, verdict } = await verifyFiles({
      'entries-000000000000001.jsonl': lines.slice(0, 8),
      'entries-000000000000009.jsonl': `${text(lines.slice(8))}${text([lines[19]])}{"kind":"ent`,
      'checkpoints-000000000000010.jsonl': marks,
    })
    expect(code).toBe(0)
    expect(verdict.rows).toBe(20)
  })

  test.each<[string, readonly unknown[], string[]]>([
    ['an edited row', changed(5, edited), ['edit 5']],
    [
      'an edited row with its hash computed anew',
      changed(5, (line) => rechained(5, edited)[4] ?? line),
      ['edit 5'],
    ],
    ['an edited row and all after it chained anew', rechained(5, edited), ['fork 10', 'fork 18']],
    ['a row taken out', lines.filter((line) => line.position !== 5), ['gap 5']],
    [
      'a row taken out and the rest renumbered',
      lines.filter((line) => line.position !== 5).map((line, index) => ({ ...line, position: index + 1 })),
      ['gap 5', 'fork 10', 'fork 18'],
    ],
    ['the first rows taken out', lines.slice(3), ['gap 1']],
    [
      'two lines exchanged',
      [...lines.slice(0, 4), at(6), at(5), ...lines.slice(6)],
      ['gap 5', 'reorder 5', 'gap 6'],
    ],
    [
      'the texts of two rows exchanged',
      changed(5, (line) => ({ ...line, entry: at(7).entry })).map((line) =>
        line.position === 7 ? { ...line, entry: at(5).entry } : line,
      ),
      ['reorder 5', 'reorder 7'],
    ],
    [
      'two rows exchanged with their places',
      [...lines.slice(0, 4), { ...at(6), position: 5 }, { ...at(5), position: 6 }, ...lines.slice(6)],
      ['reorder 5', 'fork 6', 'fork 7'],
    ],
    [
      'a row put in',
      [...lines.slice(0, 5), makeLines(1, 6, Buffer.from(at(5).hash, 'hex'), 'new')[0], ...lines.slice(5)],
      ['fork 6'],
    ],
    ['the tail cut off', lines.slice(0, 15), ['cut-tail 16']],
    ['everything cut off', [], ['cut-tail 1']],
    [
      'a second chain from the middle on',
      [...lines, ...makeLines(3, 6, Buffer.from(at(5).hash, 'hex'), 'new')],
      ['reorder 6'],
    ],
    ['a last line of another form', [...lines, { ...makeLines(1, 21)[0], hash: 'X' }], ['unreadable 21']],
    ['a last line of another kind', [...lines, { kind: 'note' }], ['unreadable null']],
    ['no JSON', [...lines.slice(0, 5), 'x', ...lines.slice(5)], ['unreadable null']],
  ])('%s', async (_, entries, expected) => {
    const { code, kinds } = await verify(entries)
    expect(code).toBe(1)
    for (const one of expected) expect(kinds).toContain(one)
    // Where it says it is, and nowhere before.
    const first = Math.min(...expected.map((one) => Number(one.split(' ')[1])).filter(Number.isFinite))
    for (const one of kinds)
      expect(Number(one.split(' ')[1] ?? 0) || Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(
        Number.isFinite(first) ? first : 0,
      )
  })

  test('without what was signed', async () => {
    expect((await verify(lines, [])).kinds).toEqual(['unsigned 1'])
    const many = makeLines(2_100)
    expect((await verify(many, [checkpointFor(many[9]!)])).kinds).toEqual(['unsigned 11'])
  })

  test('that begin later, when that is said', async () => {
    const late = await verify(lines.slice(12), marks, '--partial')
    expect([late.code, late.verdict.first]).toEqual([0, 13])
    const forged = rechained(14, edited).slice(12)
    expect((await verify(forged, marks, '--partial')).kinds).toContain('fork 18')
  })
})

describe('checkpoints', () => {
  const stranger = deriveAuditKey(Buffer.alloc(32, 6))
  test.each<[string, unknown, string]>([
    ['signed by somebody else', checkpointFor(at(12), stranger), 'forged-checkpoint 12'],
    [
      'signed by somebody else in our name',
      { ...checkpointFor(at(12), stranger), kid: key.kid.toString('hex') },
      'forged-checkpoint 12',
    ],
    ['moved to another place', { ...marks[0], position: 11 }, 'forged-checkpoint 11'],
    ['dated anew', { ...marks[0], time: '2027-01-02T03:04:05.678Z' }, 'forged-checkpoint 10'],
    [
      'for another chain of the same key',
      checkpointFor(makeLines(12, 1, undefined, 'other')[11]!),
      'fork 12',
    ],
    ['contradicting one that holds', checkpointFor(makeLines(10, 1, undefined, 'other')[9]!), 'fork 10'],
    ['of no form', { kind: 'checkpoint', position: 'x' }, 'forged-checkpoint null'],
  ])('%s', async (_, checkpoint, expected) => {
    const { code, kinds } = await verify(lines, [...marks, checkpoint])
    expect(code).toBe(1)
    expect(kinds).toContain(expected)
  })
})

describe('the command', () => {
  test('says how it is used', async () => {
    const { code, out } = await run(['--help'])
    expect([code, out]).toEqual([0, expect.stringContaining('exit code: 0 all is well')])
    for (const wrong of [
      [],
      ['--files', '/'],
      ['--public-key', publicKey],
      ['--nonsense'],
      ['--files', '/tmp', '--public-key', '/dev/null'],
    ]) {
      expect((await run(wrong)).code, wrong.join(' ')).toBe(2)
    }
    expect((await run(['--files', '/tmp', '--public-key', publicKey, '--database', '-'])).code).toBe(2)
  })

  test('tells what it cannot read from what is wrong, and repeats no password', async () => {
    expect((await run(['--files', '/nowhere', '--public-key', publicKey])).code).toBe(3)
    const folder = fileURLToPath(new URL('.', import.meta.url))
    expect((await run(['--files', folder, '--public-key', publicKey])).err).toContain('no .jsonl file')
  })

  test('runs from a shell', () => {
    const main = fileURLToPath(new URL('./main.ts', import.meta.url))
    const ended = spawnSync(process.execPath, [main, '--help'], { encoding: 'utf8', timeout: 120_000 })
    expect([ended.status, ended.stderr]).toEqual([0, ''])
  })
})
