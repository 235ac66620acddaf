import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { isRoot } from '@nora/embedded/privileges'
import { completeEnvFile } from '@nora/supervisor/env-files'
import { layoutFor } from '@nora/supervisor/layout'
import { type Bench, median, type Row } from './bench.ts'

const exec = promisify(execFile)
const code = fileURLToPath(new URL('..', import.meta.url))

/** The start of an installation that has run before. */
export const start: Bench = {
  name: 'start',
  about: 'supervisor start until readyz answers 200, of an installation that is there: <= 3 s',
  deadlineMs: 10 * 60_000,
  async run({ signal, say, quick, services }) {
    const prefix = await mkdtemp(join(tmpdir(), 'nora-bench-start-'))
    await chmod(prefix, 0o755)
    services.defer(() => rm(prefix, { recursive: true, force: true }))
    const { data } = layoutFor({ root: isRoot(), prefix, code })
    const compiling = { ...process.env, NODE_COMPILE_CACHE: join(data, 'cache/supervisor') }
    const supervisor = (...command: string[]) =>
      exec(
        process.execPath,
        [join(code, 'services/supervisor/src/main.ts'), '--code', code, '--prefix', prefix, ...command],
        // As setup.sh calls it.
        { signal, timeout: 240_000, env: command[0] === 'start' ? compiling : process.env },
      )
    await supervisor('prepare')
    services.defer(() => supervisor('uninstall', '--yes', '--purge'))
    await makeSecrets(prefix)
    // The first start makes the database, the image of the gateway and the compiled code.
    await supervisor('start')
    await supervisor('stop')
    const runs = quick ? 2 : 7
    const took: number[] = []
    for (let turn = 0; turn < runs; turn++) {
      const began = performance.now()
      const { stdout } = await supervisor('start')
      took.push(performance.now() - began)
      say(`${turn + 1} of ${runs}: ${took.at(-1)?.toFixed(0)} ms`)
      if (turn === runs - 1) for (const line of stdout.trim().split('\n')) say(line.trim())
      await supervisor('stop')
    }
    const row: Row = {
      name: 'supervisor start to readyz',
      ...{ unit: 'ms', ours: median(took), goal: { of: 'ours', atMost: 3_000 }, runs },
    }
    return [row]
  },
}

/** As setup.sh makes them. */
async function makeSecrets(prefix: string): Promise<void> {
  const { config } = layoutFor({ root: isRoot(), prefix, code })
  const secret = () => randomBytes(32).toString('hex')
  await completeEnvFile(config, 'worker', { ENCRYPTION_KEY: secret() })
  await completeEnvFile(config, 'migrate', {
    ...{ NORA_DB_PASSWORD_MIGRATOR: secret(), NORA_DB_PASSWORD_APP: secret() },
    NORA_DB_PASSWORD_WORKER: secret(),
  })
  await completeEnvFile(config, 'api', {
    ...{ JWT_SECRET: secret(), NORA_SETUP_TOKEN: secret() },
    NORA_CAPABILITY_PRIVATE_KEY: randomBytes(32).toString('base64url'),
  })
}
