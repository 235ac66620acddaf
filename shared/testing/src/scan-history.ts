import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { secretsIn } from './boundaries/committed-secrets.ts'

// `npm run scan:history`: what a commit once added and a later one took out is public all the same.
const mostLines = 20_000_000
const git = spawn(
  'git',
  ['log', '--all', '--no-color', '--no-textconv', '-p', '-U0', '--diff-filter=AM', '--format=commit %h'],
  {
    stdio: ['ignore', 'pipe', 'inherit'],
  },
)
let commit = ''
let path = ''
let added: string[] = []
let count = 0
const found = new Set<string>()

function look(): void {
  if (path !== 'package-lock.json') {
    // The value is not printed: it may be real.
    for (const one of secretsIn(added.join('\n'))) {
      found.add(
        `${path} ${one.kind} ${one.value.slice(0, 8)}… (${one.value.length}), first seen in ${commit}`,
      )
    }
  }
  added = []
}

for await (const line of createInterface({ input: git.stdout })) {
  if (++count > mostLines) throw new Error(`the history has more than ${mostLines} lines: scan a part of it`)
  if (line.startsWith('+++ ') || line.startsWith('commit ')) {
    look()
    if (line.startsWith('commit ')) commit = line.slice(7)
    else path = line.replace(/^\+\+\+ (?:b\/)?/, '')
  } else if (line.startsWith('+')) added.push(line.slice(1))
}
look()
const code = await new Promise<number | null>((resolve) => {
  if (git.exitCode !== null) resolve(git.exitCode)
  else git.once('exit', resolve)
})
for (const one of found) process.stdout.write(`${one}\n`)
process.stdout.write(`${count} lines of history, ${found.size} to look at\n`)
process.exitCode = code !== 0 || found.size > 0 ? 1 : 0
