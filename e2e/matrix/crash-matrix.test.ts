import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { worldObstacle } from '../world/start-world.ts'

const main = fileURLToPath(new URL('main.ts', import.meta.url))

async function run(...args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk
    })
  }
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}

test.runIf(!worldObstacle())(
  'the worker dies at every step of every flow, each other part once: nothing is lost or left behind',
  { timeout: 3_600_000 },
  async () => {
    const { code, output } = await run('--thin')
    expect(code, output).toBe(0)
    expect(output).toContain(' 0 red, 0 other problems')
  },
)

// e2e/crash.test.ts kills what can be killed beside a shared engine.
test.runIf(worldObstacle())('where it cannot run it says what it needs', async () => {
  const { code, output } = await run('--thin')
  expect(code).toBe(1)
  expect(output).toContain(worldObstacle())
})
