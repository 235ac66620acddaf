import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { tempFolder } from '@nora/testing/temp-folder'
import { expect, test } from 'vitest'
import { checkpointFor, type Line, makeLines, publicKey, run } from './testing/exported-chain.ts'

const lines = makeLines(20)
const marks = [checkpointFor(lines[9]!), checkpointFor(lines[17]!)]

/** A folder of a worker that began a new file after so many lines. */
async function copyOf(some: readonly Line[], filled: number): Promise<string[]> {
  const folder = await tempFolder('nora-audit-copy-')
  const write = (name: string, rows: readonly unknown[]) =>
    writeFile(join(folder, name), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  await write('entries-000000000000001.jsonl', some.slice(0, filled))
  await write(`entries-${String(filled + 1).padStart(15, '0')}.jsonl`, some.slice(filled))
  await write('checkpoints-000000000000010.jsonl', marks)
  return ['--files', folder]
}
const verify = async (...copies: string[][]) => run([...copies.flat(), '--public-key', publicKey, '--json'])
const edited = (position: number, entry: Record<string, string>) =>
  lines.map((line) => (line.position === position ? { ...line, entry: { ...line.entry, ...entry } } : line))

test('the copies of several workers are one chain', async () => {
  const { code, verdict, kinds } = await verify(
    await copyOf(lines, 8),
    await copyOf(lines, 13),
    await copyOf(lines.slice(0, 15), 8),
  )
  expect([code, kinds]).toEqual([0, []])
  expect(verdict).toMatchObject({ rows: 20, first: 1, last: 20, unsigned: 2 })
})

test('what is wrong in one of the copies is found', async () => {
  const whole = await copyOf(lines, 8)
  const changed = await verify(whole, await copyOf(edited(5, { actor_id: 'somebody else' }), 13))
  expect([changed.code, changed.kinds]).toEqual([1, ['edit 5']])
  const branch = makeLines(1, 20, Buffer.from(lines[18]!.hash, 'hex'), 'other')
  const forked = await verify(whole, await copyOf([...lines.slice(0, 19), ...branch], 13))
  expect([forked.code, forked.kinds]).toEqual([1, ['fork 20']])
})
