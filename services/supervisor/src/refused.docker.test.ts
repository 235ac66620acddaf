import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type StandIn, standInInstallation } from './stand-in.fixture.ts'

let standIn: StandIn
beforeEach(async () => {
  standIn = await standInInstallation()
})
afterEach(() => standIn.remove())

// systemd does not start again what ended with 78.
test.each([
  [78, 78],
  [1, 1],
])(
  'a migrate that ends with %i ends the supervisor with %i, and its words are in the log',
  async (code, expected) => {
    const program = `process.stderr.write('refusing to start: a reason\\n')\nprocess.exit(${code})\n`
    await writeFile(join(standIn.layout.code, 'migrations/run.ts'), program)
    expect(await standIn.run().exited).toBe(expected)
    expect(await standIn.log('supervisor')).toContain('refusing to start: a reason')
  },
)
