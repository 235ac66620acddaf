import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runInWorld, worldObstacle } from '../world/start-world.ts'
import { allCells, type Cell, matches, wordsOf } from './cells.ts'
import type { CellResult, Message } from './inside.ts'
import { type Run, renderTable } from './table.ts'

const help = `usage: npm run test:crash -- [--runs N] [--thin] [--only TEXT] [--worlds N] [--settle SECONDS]

Kills the worker at and in every step of every flow, and each other part in the middle of every flow, on the real parts:
an installation with its own Docker Engine, Postgres and Redis, in a network namespace of its own. Needs root.

  --runs N      so many matrices in a row; the first with a red cell is the last (default 1)
  --thin        what npm test runs: the worker at every step, each other victim once; writes no table
  --only TEXT   only cells whose line contains TEXT, e.g. --only 'redeploy: engine'; writes no table
  --worlds N    so many installations side by side, each with its share of the cells (default 2)
  --settle S    how long to wait before looking for what was left over (default 60)

Writes docs/crash-matrix.md. Ends with 1 when a cell is red or something was left over.
`
const inside = fileURLToPath(new URL('inside.ts', import.meta.url))
const page = fileURLToPath(new URL('../../docs/crash-matrix.md', import.meta.url))
const runMs = 60 * 60_000

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1' },
    thin: { type: 'boolean', default: false },
    only: { type: 'string' },
    worlds: { type: 'string', default: '2' },
    settle: { type: 'string', default: '60' },
    help: { type: 'boolean', default: false },
  },
})
const say = (line: string) => process.stdout.write(`${line}\n`)
const seconds = (ms: number) => (ms / 1000).toFixed(1)

async function runMatrix(): Promise<Run> {
  const wanted = allCells(values.thin).filter((cell) => matches(cell, values.only))
  const results: CellResult[] = []
  const problems: string[] = []
  const began = Date.now()
  const onMessage = (message: Message) => {
    if (message.type === 'say') say(`       ${message.text}`)
    else if (message.type === 'leftovers') problems.push(...message.found.map((what) => `left over: ${what}`))
    else {
      const { cell, ms, error } = message.result
      results.push(message.result)
      const count = `${results.length}/${wanted.length}`.padStart(7)
      say(`${count} ${error ? 'RED' : 'ok '} ${seconds(ms).padStart(5)} s  ${cell.flow}: ${wordsOf(cell)}`)
      if (error) say(error)
    }
  }
  const count = Number(values.worlds)
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const args = ['--world', String(index), '--worlds', String(count), '--settle', values.settle]
      if (values.thin) args.push('--thin')
      if (values.only !== undefined) args.push('--only', values.only)
      const onLine = (line: string) => onMessage(JSON.parse(line) as Message)
      const code = await runInWorld(inside, args, onLine, AbortSignal.timeout(runMs))
      if (code !== 0) problems.push(`world ${index} ended with ${code} before it was done`)
    }),
  )
  const missing = wanted.filter((cell) => !results.some((result) => isSame(result.cell, cell)))
  for (const cell of missing) problems.push(`never came to ${cell.flow}: ${wordsOf(cell)}`)
  const red = results.filter(({ error }) => error !== null).length
  for (const problem of problems) say(`RED ${problem}`)
  say(
    `${results.length} cells, ${red} red, ${problems.length} other problems, ${seconds(Date.now() - began)} s`,
  )
  return { results, problems }
}

const isSame = (a: Cell, b: Cell) =>
  a.flow === b.flow && a.victim === b.victim && a.moment === b.moment && a.step === b.step
const isGreen = ({ results, problems }: Run) =>
  problems.length === 0 && results.every(({ error }) => error === null)

/** The commit that ran; changes that are in no commit are said too. */
function commit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: fileURLToPath(new URL('.', import.meta.url)), encoding: 'utf8' }).trim()
  const changed = git('status', '--porcelain', '--', ':/', ':!/docs/crash-matrix.md') !== ''
  return `${git('rev-parse', '--short=12', 'HEAD')}${changed ? ' with changes' : ''}`
}

async function run(): Promise<number> {
  if (values.help) {
    process.stdout.write(help)
    return 0
  }
  const obstacle = worldObstacle()
  if (obstacle) throw new Error(`the crash matrix cannot run: ${obstacle}`)
  const runs: Run[] = []
  for (let turn = 1; turn <= Number(values.runs); turn++) {
    if (Number(values.runs) > 1) say(`matrix ${turn} of ${values.runs}`)
    runs.push(await runMatrix())
    if (!isGreen(runs.at(-1)!)) break
  }
  if (!values.thin && values.only === undefined) {
    await writeFile(page, renderTable(runs, commit()))
    say(`written: ${page}`)
  }
  return runs.every(isGreen) ? 0 : 1
}

try {
  process.exitCode = await run()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
