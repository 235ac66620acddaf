// Prints `N passed, N failed` from a vitest JSON report. A file that could not even be loaded counts as a failure,
// and a run without tests is one too.
import { readFileSync } from 'node:fs'

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const broken = report.testResults.filter(
  (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
).length
const failed = report.numFailedTests + broken
const empty = report.numPassedTests + failed === 0
process.stdout.write(`${report.numPassedTests} passed, ${empty ? 1 : failed} failed\n`)
process.exitCode = 0
