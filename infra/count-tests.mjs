// Prints `N passed, N failed` from a vitest JSON report. A file that could not even be loaded counts as a failure,
// and a run without tests is one too. What failed is written to the second file named, with the words of each failure: whoever
// sees the end of a long log alone then still knows what was wrong.
import { readFileSync, writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'

const [reportFile, failuresFile] = process.argv.slice(2)
const report = JSON.parse(readFileSync(reportFile, 'utf8'))
const words = (message) =>
  stripVTControlCharacters(message)
    .split('\n')
    .filter((line) => !/node_modules|new Promise/.test(line))
    .slice(0, 25)
    .map((line) => `    ${line.slice(0, 400)}\n`)
    .join('')
if (failuresFile) {
  const failures = report.testResults.flatMap((file) => {
    const name = relative(process.cwd(), file.name)
    const tests = file.assertionResults.filter((test) => test.status === 'failed')
    if (file.status === 'failed' && tests.length === 0) return [`red: ${name}\n${words(file.message ?? '')}`]
    return tests.map((test) => `red: ${name} > ${test.fullName}\n${test.failureMessages.map(words).join('')}`)
  })
  writeFileSync(failuresFile, failures.slice(0, 20).join(''))
}
const broken = report.testResults.filter(
  (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
).length
const failed = report.numFailedTests + broken
const empty = report.numPassedTests + failed === 0
process.stdout.write(`${report.numPassedTests} passed, ${empty ? 1 : failed} failed\n`)
process.exitCode = 0
