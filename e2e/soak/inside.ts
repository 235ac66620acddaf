import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { waitUntil } from '@nora/testing/wait-until'
import { lastingLeftovers } from '../world/leftovers.ts'
import { startWorld, type World } from '../world/world.ts'
import { countingImage } from './count-lines.ts'
import { count, type Kind, type Life, live, settle, type Tally } from './live.ts'
import { judgeMemory, sampleMemory } from './memory.ts'
import { seeded } from './random.ts'
import { storm, wildFirst, wildLast } from './storm.ts'

// What runs inside a world of its own: see main.ts.

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string' }, seed: { type: 'string' }, settle: { type: 'string' } },
})
const kinds: Kind[] = ['starter', 'starter', 'starter', 'counting', 'counting']
const began = Date.now()
const say = (line: string) => {
  const seconds = String(Math.round((Date.now() - began) / 1_000)).padStart(5)
  process.stdout.write(`${seconds} s  ${line}\n`)
}
const forMs = Number(values.minutes) * 60_000
const tally: Tally = { actions: new Map(), lines: 0, gaps: [], problems: [] }

const world = await startWorld(positionals[0]!, say, AbortSignal.timeout(600_000))
try {
  const lives = await soak()
  await judge(lives)
  await world.close()
} catch (error) {
  tally.problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error))
}
for (const problem of tally.problems) say(`RED ${problem}`)
if (tally.problems.length > 0) await sayLogs(world)
say(`seed ${values.seed}: ${tally.problems.length} problems`)
process.exit(tally.problems.length > 0 ? 1 : 0)

async function soak(): Promise<Life[]> {
  const image = await countingImage(world)
  const since = Date.now()
  const until = AbortSignal.timeout(forMs)
  const share = () => (Date.now() - since) / forMs
  const seed = Number(values.seed)
  const samples: NonNullable<Awaited<ReturnType<typeof sampleMemory>>>[] = []
  const watching = (async () => {
    while (!until.aborted) {
      // The share of the time in which api, worker and gateway live on.
      const part = (share() - wildFirst) / (wildLast - wildFirst)
      const sample = part < 0 || part > 1 ? undefined : await sampleMemory(world, part)
      if (sample) samples.push(sample)
      await delay(Math.min(5_000, forMs / 100), undefined, { signal: until }).catch(() => undefined)
    }
  })()
  const slots = kinds.map((kind, slot) => {
    const ground = { world, image, tally, say, until, random: seeded(seed + slot + 1) }
    return live(ground, kind, slot)
  })
  const kills = await storm(world, seeded(seed), say, share, until)
  const lives = (await Promise.all(slots)).filter((life) => life !== null)
  await watching
  say(`asked: ${pairs(tally.actions)}`)
  say(`killed: ${pairs(kills)}`)
  const memory = judgeMemory(samples)
  for (const line of memory.lines) say(line)
  // A process that has just started still grows into its work.
  if (Number(values.minutes) >= 10) tally.problems.push(...memory.problems)
  else say('its memory is not judged: that takes at least 10 minutes')
  return lives
}

async function judge(lives: Life[]): Promise<void> {
  await world.calm(180_000)
  for (const life of lives) await settle({ world }, life)
  await followed(lives)
  say(`looking for leftovers in ${values.settle} s`)
  await delay(Number(values.settle) * 1_000)
  await world.calm()
  tally.problems.push(...(await lastingLeftovers(world)).map((what) => `left over: ${what}`))
  for (const life of lives.filter(({ kind }) => kind === 'counting')) {
    await world.client.send('POST', `agents/${life.agentId}/stop`, {})
    life.expected.state = 'stopped'
    await settle({ world }, life)
    await count({ world, tally }, life)
  }
  say(`${tally.lines} stored lines in order, none missing and none twice; ${tally.gaps.length} gaps said`)
  for (const gap of new Set(tally.gaps)) say(`a gap: ${gap}`)
}

/** The follower of each running agent reads the container that the database and the engine know. */
async function followed(lives: Life[]): Promise<void> {
  const running = lives.filter(({ expected }) => expected.state === 'running').map(({ agentId }) => agentId)
  const wrong = `select a.id from nora.agents a left join nora.log_followers f on f.agent_id = a.id
    where a.id = any($1) and (f.container_id is distinct from a.container_id or f.lease_until < now())`
  await waitUntil(
    'followers to read what runs',
    async () => {
      const found = await world.rows<{ id: string }>(wrong, [running])
      if (found.length > 0) throw new Error(found.map(({ id }) => id).join(', '))
      return true
    },
    { deadlineMs: 90_000, everyMs: 250 },
  )
}

async function sayLogs({ parts }: World): Promise<void> {
  for (const name of ['worker', 'api', 'engine']) {
    const text = await readFile(join(parts.installation.layout.logs, `${name}.log`), 'utf8')
    say(`--- the end of ${name}.log\n${text.trimEnd().split('\n').slice(-40).join('\n')}`)
  }
}

function pairs(counts: Map<string, number>): string {
  return [...counts].map(([name, times]) => `${name} ${times}`).join(', ')
}
