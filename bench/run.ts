import { execFileSync, fork } from 'node:child_process'
import { cpus, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Bench, hasGoal, isMet, type Row } from './bench.ts'
import { benches } from './benches.ts'
import { cpuWords, goalWords, lastRecorded, number, type Recorded, record, renderPage } from './results.ts'

const usage = `usage: npm run bench [-- NAME... [--quick] [--no-record]]

Measures each thing and its yardstick in turns, in one run, and prints medians and ratios beside the last recorded ones.
Needs root or a Docker Engine that answers, redis-server, and a machine that does nothing else. Writes bench/results/
and docs/benchmarks.md. Ends with 1 when a bench fails or a goal is missed.

  --quick      fewer turns, not recorded
  --no-record  measure, and write nothing
  --render     only write docs/benchmarks.md from what is recorded
  --list       the names, each with what it measures
`

const say = (line: string) => process.stdout.write(`${line}\n`)
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    'no-record': { type: 'boolean', default: false },
    render: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
const unknown = positionals.filter((name) => !benches.some((bench) => bench.name === name))

if (flags.help) say(usage)
else if (flags.list) for (const { name, about } of benches) say(`${name.padEnd(18)} ${about}`)
else if (flags.render) await renderPage(benches)
else if (unknown.length > 0) {
  say(`no bench is called ${unknown.join(', ')}: \`npm run bench -- --list\` has the names`)
  process.exitCode = 2
} else {
  const chosen = benches.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
  process.exitCode = await runAll(chosen)
}

async function runAll(chosen: readonly Bench[]): Promise<number> {
  const failed: string[] = []
  const missed: string[] = []
  for (const bench of chosen) {
    say(`==> ${bench.name}: ${bench.about}`)
    const rows = await runOne(bench)
    if (!rows) {
      failed.push(bench.name)
      continue
    }
    const before = await lastRecorded(bench.name)
    for (const row of rows) {
      say(`  ${line(row, before)}`)
      if (!isMet(row)) missed.push(`${bench.name}: ${row.name}${row.size ? ` (${row.size})` : ''}`)
    }
    if (!flags.quick && !flags['no-record']) {
      await record({ bench: bench.name, about: bench.about, rows, ...origin() })
      await renderPage(benches)
    }
  }
  for (const name of failed) say(`failed: ${name}`)
  for (const name of missed) say(`goal missed: ${name}`)
  say(`${chosen.length - failed.length} benches ran, ${failed.length} failed, ${missed.length} goals missed`)
  return failed.length + missed.length > 0 ? 1 : 0
}

function runOne(bench: Bench): Promise<Row[] | undefined> {
  const child = fork(fileURLToPath(new URL('run-one.ts', import.meta.url)), [
    bench.name,
    flags.quick ? 'quick' : 'whole',
  ])
  let rows: Row[] | undefined
  child.on('message', (message) => {
    rows = message as Row[]
  })
  return new Promise((resolve) => {
    // Its own deadline ends it; this is for a process that cannot even keep that.
    const timer = setTimeout(() => child.kill('SIGKILL'), bench.deadlineMs + 120_000)
    child.once('exit', (code) => {
      clearTimeout(timer)
      resolve(code === 0 ? rows : undefined)
    })
  })
}

function line(row: Row, before: Recorded | undefined): string {
  const last = before?.rows.find((one) => one.name === row.name && one.size === row.size)
  const parts = [`${row.name}${row.size ? ` (${row.size})` : ''}: ${number(row.ours)} ${row.unit}`]
  if (row.yardstick !== undefined) parts.push(`yardstick ${number(row.yardstick)} ${row.unit}`)
  if (row.ratio !== undefined) parts.push(`ratio ${row.ratio.toFixed(2)}x`)
  if (row.cpuMs !== undefined) parts.push(`CPU a unit ${cpuWords(row)}`)
  if (hasGoal(row)) parts.push(`goal ${goalWords(row)}: ${isMet(row) ? 'met' : 'MISSED'}`)
  if (last)
    parts.push(`last recorded ${last.ratio === undefined ? number(last.ours) : `${last.ratio.toFixed(2)}x`}`)
  return parts.join(', ')
}

function origin(): Pick<Recorded, 'at' | 'commit' | 'machine'> {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim()
  const changed = git('status', '--porcelain', '--', '.', ':!bench/results', ':!docs/benchmarks.md') !== ''
  return {
    at: new Date().toISOString(),
    commit: `${git('rev-parse', '--short', 'HEAD')}${changed ? '+' : ''}`,
    machine: {
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: cpus().length,
      memoryGb: Math.round(totalmem() / 1024 ** 3),
      node: process.versions.node,
      kernel: release(),
    },
  }
}
