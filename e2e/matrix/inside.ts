import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { lastingLeftovers } from '../world/leftovers.ts'
import { watchOperations } from '../world/watch-operations.ts'
import { startWorld, type World } from '../world/world.ts'
import { allCells, type Cell, type Chain, chainsOf, matches, type Times, wordsOf } from './cells.ts'
import { flowNames, type Subject } from './flows.ts'
import { type Ground, measureFlow, runFlow } from './run-cell.ts'

// What runs inside a world of its own: see main.ts. It says what happens line by line, results as JSON.

export type CellResult = { cell: Cell; ms: number; error: string | null }
export type Message =
  | { type: 'say'; text: string }
  | { type: 'cell'; result: CellResult }
  | { type: 'leftovers'; found: string[] }

const tell = (message: Message) => process.stdout.write(`${JSON.stringify(message)}\n`)
const say = (text: string) => tell({ type: 'say', text })

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    thin: { type: 'boolean', default: false },
    only: { type: 'string' },
    world: { type: 'string', default: '0' },
    worlds: { type: 'string', default: '1' },
    settle: { type: 'string', default: '60' },
  },
})
const folder = positionals[0]!
const signal = AbortSignal.timeout(3_600_000)

const world = await startWorld(folder, (line) => say(`  ${line}`), signal)
const watch = await watchOperations(world.parts.superuserUrl)
const times = Object.fromEntries(flowNames.map((flow) => [flow, new Map()])) as unknown as Times
const ground: Ground = { world, watch, times }
try {
  const first = await newSubject(world, 'undisturbed')
  for (const flow of flowNames) await measureFlow(ground, flow, first)
  const wanted = allCells(values.thin).filter((cell) => matches(cell, values.only))
  const mine = chainsOf(wanted).filter((_, index) => index % Number(values.worlds) === Number(values.world))
  for (const [index, chain] of mine.entries()) await runChain(chain, index)
  say(`looking for leftovers in ${values.settle} s`)
  await delay(Number(values.settle) * 1_000)
  await world.calm()
  tell({ type: 'leftovers', found: await lastingLeftovers(world) })
  await watch.close()
  await world.close()
  process.exit(0)
} catch (error) {
  say(`the world ended: ${error instanceof Error ? error.stack : error}`)
  await sayLogs()
  process.exit(1)
}

/** A cell that goes wrong ends its agent's way: what follows would be judged by what it left. */
async function runChain(chain: Chain, index: number): Promise<void> {
  const subject = await newSubject(world, `chain-${index}`)
  if (chain.some(({ cell }) => cell?.step === 'ensure-image')) await removeImage()
  for (const { flow, cell } of chain) {
    const began = performance.now()
    try {
      const ms = await runFlow(ground, flow, subject, cell)
      if (cell) tell({ type: 'cell', result: { cell, ms, error: null } })
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      const result = { ms: performance.now() - began, error: text }
      if (cell) tell({ type: 'cell', result: { cell, ...result } })
      else say(`${flow} without a kill went wrong: ${text}`)
      await sayLogs()
      if (subject.agentId) await world.client.send('DELETE', `agents/${subject.agentId}`, undefined)
      for (const left of chain.slice(chain.findIndex((one) => one.flow === flow) + 1)) {
        const words = `not reached: ${cell ? `${flow}, ${wordsOf(cell)}` : flow} went wrong before`
        if (left.cell) tell({ type: 'cell', result: { cell: left.cell, ms: 0, error: words } })
      }
      return
    }
  }
}

async function newSubject({ client }: World, name: string): Promise<Subject> {
  const { body, status } = await client.send('POST', 'llm-providers', {
    ...{ provider: 'openai-compatible', label: name, baseUrl: world.provider.baseUrl },
    secret: { apiKey: `sk-test-${randomUUID().replaceAll('-', '')}-AAAA` },
  })
  if (status !== 201) throw new Error(`the key was answered ${status} ${JSON.stringify(body)}`)
  return { name, agentId: '', keyId: String(body['id']), key: 'AAAA', generation: 1 }
}

/** So that the next provisioning has to assemble it. */
async function removeImage(): Promise<void> {
  for (const { Id, RepoTags } of await world.docker.listImages()) {
    if (RepoTags?.some((tag) => tag.startsWith('nora/starter-agent:'))) {
      await world.docker.getImage(Id).remove({ force: true })
    }
  }
}

async function sayLogs(): Promise<void> {
  for (const name of ['worker', 'api', 'engine']) {
    const text = await readFile(join(world.parts.installation.layout.logs, `${name}.log`), 'utf8')
    say(`--- the end of ${name}.log\n${text.trimEnd().split('\n').slice(-12).join('\n')}`)
  }
}
