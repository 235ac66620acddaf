import { readdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { type Bench, cpuRatio, hasGoal, isMet, type Row } from './bench.ts'

/** A recorded run of one bench. */
export type Recorded = {
  bench: string
  about: string
  /** RFC 3339, the commit that was measured (with `+` when files had changed since), and on what. */
  at: string
  commit: string
  machine: { cpu: string; cores: number; memoryGb: number; node: string; kernel: string }
  rows: Row[]
}

const folder = fileURLToPath(new URL('results/', import.meta.url))
const missed = fileURLToPath(new URL('missed.md', import.meta.url))
const page = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url))

export async function lastRecorded(bench: string): Promise<Recorded | undefined> {
  const text = await readFile(`${folder}${bench}.json`, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
  return text === undefined ? undefined : (JSON.parse(text) as Recorded)
}

export async function record(run: Recorded): Promise<void> {
  await writeFile(`${folder}${run.bench}.json`, `${JSON.stringify(run, null, 2)}\n`)
}

/** Writes `docs/benchmarks.md` from everything that is recorded. */
export async function renderPage(benches: readonly Bench[]): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json'))
  const recorded = await Promise.all(names.map((name) => lastRecorded(name.slice(0, -'.json'.length))))
  const found = benches.flatMap(({ name }) => recorded.find((one) => one?.bench === name) ?? [])
  const parts = found.map(
    (one) => `## ${one.bench}\n\n${one.about}\n\n${table(one.rows)}\n\n${origin(one)}\n`,
  )
  const head = `# Benchmarks

Made by \`npm run bench\`; do not edit. Each row is the median of several turns of the real thing and of its yardstick, taken alternately
in one run on one machine. The ratio is what counts: absolute figures change with the machine and its load. A goal that is missed is
marked; why, as far as it is known, is said at the end.
`
  await writeFile(page, [head, ...parts, await readFile(missed, 'utf8')].join('\n'))
}

function table(rows: readonly Row[]): string {
  const lines = rows.map((row) =>
    [
      row.size === undefined ? row.name : `${row.name} (${row.size})`,
      `${number(row.ours)} ${row.unit}`,
      row.yardstick === undefined ? '' : `${number(row.yardstick)} ${row.unit}`,
      row.ratio === undefined ? '' : `${row.ratio.toFixed(2)}x`,
      cpuWords(row),
      goalWords(row),
      hasGoal(row) ? (isMet(row) ? 'met' : '**missed**') : '',
      String(row.runs),
      row.note ?? '',
    ].join(' | '),
  )
  return [
    '| what | ours | yardstick | ratio | CPU a unit | goal | | turns | note |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...lines.map((line) => `| ${line} |`),
  ].join('\n')
}

/** The CPU of a unit, and beside it how that stands to the yardstick's. */
export function cpuWords(row: Row): string {
  if (row.cpuMs === undefined) return ''
  const ratio = cpuRatio(row)
  const beside =
    ratio === undefined ? '' : ` (${ratio.toFixed(2)}x of ${number(row.yardstickCpuMs ?? Number.NaN)} ms)`
  return `${number(row.cpuMs)} ms${beside}`
}

/** What is asked of a row, in words. */
export function goalWords(row: Row): string {
  const unit = row.goal?.of === 'ours' ? ` ${row.unit}` : 'x'
  const words: string[] = []
  if (row.goal?.atLeast !== undefined) words.push(`>= ${row.goal.atLeast}${unit}`)
  if (row.goal?.atMost !== undefined) words.push(`<= ${row.goal.atMost}${unit}`)
  if (row.cpuRatioGoal !== undefined) words.push(`CPU <= ${row.cpuRatioGoal}x`)
  if (row.cpuGoal !== undefined) words.push(`CPU <= ${row.cpuGoal} ms`)
  return words.join(', ')
}

export function number(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en')
  return value.toPrecision(3).replace(/\.?0+$/, '')
}

function origin({ at, commit, machine }: Recorded): string {
  const { cpu, cores, memoryGb, node, kernel } = machine
  return `Measured ${at.slice(0, 10)} at ${commit}: ${cores} cores (${cpu}), ${memoryGb} GB, Linux ${kernel}, Node ${node}.`
}
