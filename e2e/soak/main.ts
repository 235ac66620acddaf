import { randomInt } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runInWorld, worldObstacle } from '../world/start-world.ts'

const help = `usage: npm run test:soak -- [--minutes N] [--seed N] [--settle SECONDS]

Five agents of an installation of its own are made, synced, restarted, stopped, started, redeployed, cancelled and deleted
at random while its parts are killed at random, then everything is compared: database, engine, keys, disks, gateway
routes and log followers agree, nothing is left over, no stored line is missing or there twice, memory is flat. In the
first 20 % and the last 15 % of the time everything is killed; between them api, worker and gateway live on, so that
their memory can be compared (second quarter of that time with the last), and Redis, FLUSHALL and Postgres are. Needs root.

  --minutes N   how long (default 20); looking afterwards takes a few minutes more
                memory is judged from 10 minutes on
  --seed N      of what is asked and killed when; a run prints its own (default: a random one)
  --settle S    how long to wait before looking for what was left over (default 60)
`
const inside = fileURLToPath(new URL('inside.ts', import.meta.url))

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(randomInt(1_000_000)) },
    settle: { type: 'string', default: '60' },
    help: { type: 'boolean', default: false },
  },
})

async function run(): Promise<number> {
  if (values.help) {
    process.stdout.write(help)
    return 0
  }
  const minutes = Number(values.minutes)
  if (!(minutes > 0 && minutes <= 24 * 60)) throw new Error('--minutes must be a number from 0 to 1440')
  if (!Number.isSafeInteger(Number(values.seed))) throw new Error('--seed must be a whole number')
  const obstacle = worldObstacle()
  if (obstacle) throw new Error(`the soak cannot run: ${obstacle}`)
  process.stdout.write(`seed ${values.seed}, ${minutes} minutes\n`)
  const args = ['--minutes', values.minutes, '--seed', values.seed, '--settle', values.settle]
  const bounded = AbortSignal.timeout((minutes + 20) * 60_000)
  return runInWorld(inside, args, (line) => process.stdout.write(`${line}\n`), bounded)
}

try {
  process.exitCode = await run()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
