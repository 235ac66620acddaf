import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { buildEnvironments } from './environments.ts'
import type { Installation } from './installation.ts'
import type { Layout } from './layout.ts'

const run = promisify(execFile)

/** Where the host guard says how it is, and reads what is allowed besides. Absent without root: nobody may guard then. */
export const guardFolder = (layout: Layout): string | undefined =>
  layout.separated ? join(layout.run, 'netguard') : undefined

/** Takes the guard's rules away: for the uninstaller, once no agent is there any more. Needs root. */
export async function removeGuardRules({ layout, files }: Installation, signal: AbortSignal): Promise<void> {
  const { netguard } = buildEnvironments(files, {
    ...{ postgresPort: 0, redisUrl: '', engineSocket: '', keysDir: '', workerDataDir: '', code: layout.code },
    guardDir: guardFolder(layout),
  })
  const main = join(layout.code, 'services/netguard/src/main.ts')
  const env = { PATH: '/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin', ...netguard }
  await run(process.execPath, [main, '--remove'], { env, signal, timeout: 30_000 })
}

/** What the host guard last said of itself; undefined when it said nothing for ten seconds, or never. */
export async function guardStatus(layout: Layout): Promise<{ ok: boolean; reason: string } | undefined> {
  const folder = guardFolder(layout)
  if (!folder) return undefined
  try {
    const status = JSON.parse(await readFile(join(folder, 'status.json'), 'utf8'))
    return Date.now() - Date.parse(status.at) < 10_000 ? status : undefined
  } catch {
    return undefined
  }
}
