import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { WorkerFixture } from './worker-fixture.ts'

export type WorkerProcess = {
  child: ChildProcess
  /** Ends it and waits until it is gone; gives its exit code, null when a signal ended it. */
  end(signal: NodeJS.Signals): Promise<number | null>
  log(): Promise<string>
}

const main = fileURLToPath(new URL('../main.ts', import.meta.url))

/** The real worker as a process of its own, on the fixture's database, engine objects and the given Redis. */
export function spawnWorker(it: WorkerFixture, redisUrl: string, name: string): WorkerProcess {
  const file = join(it.folder, `${name}.log`)
  const child = spawn(process.execPath, ['--disable-sigusr1', main], {
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'production',
      NORA_LOG_LEVEL: 'debug',
      DATABASE_URL: it.database.workerUrl,
      REDIS_URL: redisUrl,
      ENCRYPTION_KEY: it.encryptionKey.toString('hex'),
      NORA_CAPABILITY_PUBLIC_KEY: it.capabilityPublicKey.toString('base64url'),
      NORA_INSTALLATION_ID: it.installation,
      NORA_AGENT_NETWORK_POOL: it.pool,
      NORA_WORKER_PORT: '0',
      NORA_WORKER_ID: name,
      NORA_HOST_GUARD: 'off',
      NORA_KEYS_DIR: it.keysDir,
      NORA_DATA_DIR: it.dataDir,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log = createWriteStream(file, { flags: 'a' })
  child.stdout?.pipe(log, { end: false })
  child.stderr?.pipe(log, { end: false })
  const gone = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  return {
    child,
    end(signal) {
      child.kill(signal)
      return gone
    },
    log: () => readFile(file, 'utf8'),
  }
}
