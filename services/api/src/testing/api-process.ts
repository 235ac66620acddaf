import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { deriveSealing, formatSealKey } from '@nora/crypto/keys'
import { freePort } from '@nora/testing/free-port'
import { untilServing } from './until-serving.ts'

export type ApiProcess = {
  port: number
  url: string
  /** The secrets it was given. */
  secrets: Record<string, string>
  /** Everything that it has written, to either stream. */
  output: () => string
  /** Asks it to end, and gives its exit code. */
  end: () => Promise<number | null>
  kill: () => void
}

/** The real api as a process of its own, serving. `words`: for Node, before the program. */
export async function startApiProcess(
  env: Record<string, string>,
  words: readonly string[] = [],
): Promise<ApiProcess> {
  const port = await freePort()
  const secrets = {
    JWT_SECRET: randomBytes(32).toString('hex'),
    NORA_SEAL_KEY: formatSealKey(deriveSealing(randomBytes(32), 1).sealKey),
    NORA_CAPABILITY_PRIVATE_KEY: randomBytes(32).toString('base64url'),
    NORA_SETUP_TOKEN: randomBytes(32).toString('hex'),
  }
  const program = fileURLToPath(new URL('../main.ts', import.meta.url))
  const child = spawn(process.execPath, [...words, program], {
    env: { PATH: process.env['PATH'], NODE_ENV: 'test', NORA_PORT: String(port), ...secrets, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
    })
  }
  const url = `http://127.0.0.1:${port}`
  try {
    await untilServing(url)
  } catch (error) {
    child.kill('SIGKILL')
    throw new Error(output, { cause: error })
  }
  return {
    ...{ port, url, secrets },
    output: () => output,
    async end() {
      const exit = once(child, 'exit', { signal: AbortSignal.timeout(60_000) })
      child.kill('SIGTERM')
      return (await exit)[0] as number | null
    },
    kill: () => void child.kill('SIGKILL'),
  }
}
