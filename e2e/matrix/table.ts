import { type Cell, inSomeFlow, stepsOf } from './cells.ts'
import { flowNames } from './flows.ts'
import type { CellResult } from './inside.ts'

export type Run = { results: CellResult[]; problems: string[] }

type Line = { name: string; holds(cell: Cell): boolean }

const stepNames = [...new Set(flowNames.flatMap((flow) => stepsOf[flow].map(inSomeFlow)))]

const lines: Line[] = [
  ...stepNames.flatMap((step): Line[] => [
    {
      name: `worker, \`${step}\` announced`,
      holds: (cell) => cell.victim === 'worker' && cell.moment === 'begin' && cell.step === step,
    },
    {
      name: `worker, amid \`${step}\``,
      holds: (cell) => cell.victim === 'worker' && cell.moment === 'middle' && cell.step === step,
    },
  ]),
  { name: 'worker, once it is done', holds: (cell) => cell.victim === 'worker' && cell.moment === 'ended' },
  { name: 'api, as it is asked', holds: (cell) => cell.victim === 'api' },
  { name: 'Redis, as it is asked', holds: (cell) => cell.victim === 'redis' },
  { name: 'Redis `FLUSHALL`, as it is asked', holds: (cell) => cell.victim === 'flushall' },
  { name: 'gateway, at the step named', holds: (cell) => cell.victim === 'gateway' },
  { name: 'Postgres, at the step named', holds: (cell) => cell.victim === 'postgres' },
  {
    name: 'Docker Engine and its containerd, at and amid the step named',
    holds: (cell) => cell.victim === 'engine',
  },
]

const introduction = `# Crash matrix

\`npm run test:crash\` writes this page; \`npm test\` runs the worker at every step and each other victim once. Each cell takes
an agent through a flow by the public API on an installation of its own (Docker Engine, Postgres, Redis, api, worker,
gateway) and ends its victim with SIGKILL: Postgres with all its children, the Docker Engine with its containerd. A cell is
ok when afterwards there is exactly one right container (or none), of the right generation, with its one network, volume,
disk and key files, and no others; no operation is open; state and reason are right; the agent calls its provider with the
key that it should have now; and the client, which repeated its request until it was answered, made one agent and one
operation, with one audit row and one event of each kind, and is told the same when it asks again. A minute after the last
cell nothing is left over: no container, network, bridge, volume, disk, loop device, key folder or gateway route.

The seconds are those from the request until all of that held, the slowest of all runs, on a machine that did other work
too; the victim's start is in them.
`

/** The page: victims and steps down, flows across. A cell shows the worst of all runs. */
export function renderTable(runs: Run[], commit: string): string {
  const results = runs.flatMap((run) => run.results)
  const red = results.filter(({ error }) => error !== null)
  const problems = runs.flatMap((run) => run.problems)
  const inARow = red.length + problems.length > 0 ? 0 : runs.length
  const facts = [
    `- commit: ${commit}`,
    `- cells: ${runs.at(-1)?.results.length ?? 0}`,
    `- red cells: ${red.length}${problems.length > 0 ? `, and ${problems.length} other problems` : ''}`,
    `- runs in a row without a red cell: ${inARow}`,
  ]
  const head = [
    '| killed with SIGKILL | ',
    flowNames.join(' | '),
    ' |\n|---|',
    '---|'.repeat(flowNames.length),
  ]
  const rows = lines.map(({ name, holds }) => {
    const cells = flowNames.map((flow) =>
      cellText(results.filter(({ cell }) => cell.flow === flow && holds(cell))),
    )
    return `| ${name} | ${cells.join(' | ')} |`
  })
  const reasons = red.map(
    ({ cell, error }) =>
      `- ${cell.flow}, ${cell.victim} ${cell.step ?? cell.moment}: ${error?.split('\n')[0]}`,
  )
  const said = [...reasons, ...problems.map((problem) => `- ${problem}`)]
  return [
    introduction,
    facts.join('\n'),
    '',
    `${head.join('')}\n${rows.join('\n')}`,
    ...(said.length > 0 ? ['', ...said] : []),
    '',
  ].join('\n')
}

function cellText(results: CellResult[]): string {
  const [first] = results
  if (!first) return ''
  const { victim, step } = first.cell
  const where = victim !== 'worker' && step !== null ? ` (${step})` : ''
  if (results.some(({ error }) => error !== null)) return `**red**${where}`
  return `ok ${(Math.max(...results.map(({ ms }) => ms)) / 1000).toFixed(1)} s${where}`
}
