import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { isRoot } from '@nora/embedded/privileges'
import { waitFor } from '@nora/embedded/wait'
import { completeEnvFile } from './env-files.ts'
import { type Layout, layoutFor } from './layout.ts'
import { keysFolder, prepare } from './prepare.ts'
import { askSupervisor, type SupervisorStatus } from './status-socket.ts'

const never = new AbortController().signal

// The supervisor's own tests need services that start at once and say what they were given; everything under them
// (Postgres, Redis, uids, files, sockets) is real.
const service = (body: string) => `
import { createServer } from 'node:http'
import { appendFileSync } from 'node:fs'
const note = (text) => process.stdout.write(text + '\\n')
note('up ' + Object.keys(process.env).sort().join(' '))
process.on('SIGTERM', () => { note('stopping ' + process.hrtime.bigint()); process.exit(0) })
note('stoppable ' + process.pid)
${body}
`
const standIns = {
  'services/api/src/main.ts': service(
    `
    const answer = (_, response) => response.setHeader('x-nora-instance', process.env.NORA_INSTANCE).end('{}')
    createServer(answer).listen(Number(process.env.NORA_PORT), '127.0.0.1')`,
  ),
  'services/worker/src/main.ts': service(`setInterval(() => {}, 1000)`),
  'services/netguard/src/main.ts': service(`setInterval(() => {}, 1000)`),
  'migrations/run.ts': `process.stdout.write('migrated ' + process.getuid() + '\\n')`,
}

export type RunningSupervisor = { pid: number; exited: Promise<number | null> }

export type StandIn = {
  layout: Layout
  log(name: string): Promise<string>
  status(): Promise<SupervisorStatus | undefined>
  /** Runs the supervisor's own program. */
  run(): RunningSupervisor
  /** The same, and waits until it is ready. */
  up(): Promise<RunningSupervisor>
  untilStatus(check: (status: SupervisorStatus) => boolean): Promise<SupervisorStatus>
  remove(): Promise<void>
}

const secret = () => randomBytes(32).toString('hex')

/** A second installation below a temporary folder, with stand-ins for api, worker, host guard and migrate. */
export async function standInInstallation(): Promise<StandIn> {
  const folder = await mkdtemp(join(tmpdir(), 'nora-up-'))
  await chmod(folder, 0o755)
  const code = join(folder, 'code')
  for (const [path, text] of Object.entries(standIns)) {
    await mkdir(dirname(join(code, path)), { recursive: true })
    await writeFile(join(code, path), text)
  }
  await writeFile(join(code, 'package.json'), '{"type":"module"}')
  const layout = layoutFor({ root: isRoot(), prefix: join(folder, 'root'), code })
  const { NORA_INSTALLATION_ID: id } = await prepare(layout, never)
  await completeEnvFile(layout.config, 'worker', { ENCRYPTION_KEY: secret() })
  await completeEnvFile(layout.config, 'migrate', {
    ...{ NORA_DB_PASSWORD_MIGRATOR: secret(), NORA_DB_PASSWORD_APP: secret() },
    NORA_DB_PASSWORD_WORKER: secret(),
  })
  await completeEnvFile(layout.config, 'api', {
    ...{ JWT_SECRET: secret(), NORA_SETUP_TOKEN: secret() },
    NORA_CAPABILITY_PRIVATE_KEY: randomBytes(32).toString('base64url'),
  })
  const status = () => askSupervisor(layout.statusSocket, 'status')
  const untilStatus = (check: (status: SupervisorStatus) => boolean) =>
    waitFor(
      async () => {
        const now = await status()
        if (now?.failed) throw new Error(now.failed)
        return now && check(now) ? now : undefined
      },
      { signal: never, deadlineMs: 150_000, describe: async () => JSON.stringify(await status()) },
    )
  const run = (): RunningSupervisor => {
    const main = join(import.meta.dirname, 'main.ts')
    const options = ['--code', code, '--prefix', layout.prefix as string]
    const child = spawn(process.execPath, [main, ...options, 'up'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const exited = new Promise<number | null>((resolve) => child.once('exit', (exit) => resolve(exit)))
    return { pid: child.pid as number, exited }
  }
  return {
    ...{ layout, status, untilStatus, run },
    log: (name) => readFile(join(layout.logs, `${name}.log`), 'utf8'),
    async up() {
      const running = run()
      await untilStatus((now) => now.ready)
      return running
    },
    async remove() {
      await rm(dirname(await keysFolder(layout, id as string)), { recursive: true, force: true })
      await rm(folder, { recursive: true, force: true })
    },
  }
}
