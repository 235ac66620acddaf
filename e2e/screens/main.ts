import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Page } from 'playwright-core'
import { seed } from '../dev/seed.ts'
import { startDev } from '../dev/start-dev.ts'
import { claimScreen, type Screen, screens } from './pages.ts'
import { eachScreen, type Look } from './take.ts'

const usage = `usage: npm run screens -- [--only NAME] [--to FOLDER]

  Takes a picture of every page, light, dark and on a phone, of a server with a workspace to look at. Needs a running Docker Engine,
  Debian's chromium, and the pages that \`npm run build\` made.

  --only NAME   pages whose name has NAME in it
  --to FOLDER   where to put them (default: docs/screens)
`
const { values } = parseArgs({
  options: { only: { type: 'string' }, to: { type: 'string' }, help: { type: 'boolean' } },
})
if (values.help) {
  process.stdout.write(usage)
  process.exit(0)
}
const folder = values.to ?? fileURLToPath(new URL('../../docs/screens', import.meta.url))
await mkdir(folder, { recursive: true })
const named = ({ name }: Screen) => values.only === undefined || name.includes(values.only)
const take = async (page: Page, screen: Screen, look: Look) => {
  await page.screenshot({ path: join(folder, `${screen.name}-${look.name}.png`) })
  process.stdout.write(`${screen.name} ${look.name}\n`)
}
const stack = await startDev(AbortSignal.timeout(120_000))
try {
  const nothing = { workspaceId: '', agentId: '', userId: '' }
  const faults = await eachScreen(stack.url, nothing, take, { of: [claimScreen].filter(named) })
  const seeded = await seed(stack)
  faults.push(...(await eachScreen(stack.url, seeded, take, { of: screens.filter(named) })))
  for (const fault of faults) process.stderr.write(`fault: ${fault}\n`)
  await seeded.provider.close()
} finally {
  await stack.close()
}
process.exit(0)
