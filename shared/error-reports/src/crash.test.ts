import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { startIngest } from './testing/ingest.ts'

const program = `
import { parseDsn } from '@nora/config/error-reports'
import { reportCrash } from '@nora/error-reports/crash'
import { createReporter } from '@nora/error-reports/reporter'
import { createLogger } from '@nora/log/logger'
const reporter = createReporter({ to: parseDsn(process.argv[1]), environment: 'test', onLost: () => undefined })
const log = createLogger({ service: 'test', level: 'info', onError: reporter.report })
reportCrash(reporter, log, 60_000)
setInterval(() => undefined, 1_000)
if (process.argv[2] === 'promise') Promise.reject(new RangeError('nobody waited for it'))
else setTimeout(() => { throw new RangeError('nobody caught it') })
`

test.each(['error', 'promise'])(
  'an %s that nobody handles is told, and ends the process with 1',
  async (kind) => {
    const ingest = await startIngest()
    onTestFinished(() => ingest.close())
    const words = ['--input-type=module', '--eval', program, ingest.dsn, kind]
    const child = spawn(process.execPath, words, {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text
      })
    }
    const [code] = await once(child, 'exit', { signal: AbortSignal.timeout(90_000) })
    expect(code, output).toBe(1)
    expect(ingest.received.map(({ event }) => [event.level, event.exception.values[0].type])).toEqual([
      ['fatal', 'RangeError'],
    ])
    expect(output).toContain('an error that nobody caught ends the process')
  },
)
