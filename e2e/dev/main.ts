import { parseArgs } from 'node:util'
import { emailOf, passwordOf, seed } from './seed.ts'
import { startDev } from './start-dev.ts'

const usage = `usage: npm run dev -- [--empty]

  Starts all of Nora on parts of its own, with the pages that \`npm run build\` made, and fills it with a workspace to look at.
  Ctrl-C ends and removes it. Needs a running Docker Engine.

  --empty   nobody has claimed it, and nothing is in it
`

const { values } = parseArgs({ options: { empty: { type: 'boolean' }, help: { type: 'boolean' } } })
if (values.help) {
  process.stdout.write(usage)
  process.exit(0)
}

const stopped = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
})
const stack = await startDev(AbortSignal.timeout(120_000))
try {
  const say = (line: string) => process.stdout.write(`${line}\n`)
  say(`URL           ${stack.url}`)
  say(`Setup token   ${stack.setupToken}`)
  if (!values.empty) {
    const { provider } = await seed(stack)
    for (const name of ['ada', 'grace', 'alan'])
      say(`${name.padEnd(13)} ${emailOf(name)} / ${passwordOf(name)}`)
    await stopped
    await provider.close()
  }
  await stopped
} finally {
  await stack.close()
}
process.exit(0)
