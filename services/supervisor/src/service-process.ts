import { join } from 'node:path'
import { type Child, launch } from '@nora/embedded/child'
import type { RunAs } from '@nora/embedded/privileges'
import type { Variables } from './env-files.ts'
import type { Layout } from './layout.ts'
import { nodeProcess } from './node-process.ts'
import { ensureFolder } from './prepare.ts'

/**
 * Starts one of our own Node processes under its uid with its environment and nothing else of ours: no inherited
 * variables, no core dumps.
 */
export async function startService(
  layout: Layout,
  options: { name: string; entry: string; env: Variables; runAs: RunAs | undefined },
): Promise<Child> {
  await ensureFolder(join(layout.data, 'cache'), layout.separated ? 0o711 : 0o700)
  const cache = join(layout.data, 'cache', options.name)
  await ensureFolder(cache, 0o700, options.runAs)
  const node = nodeProcess(cache)
  return launch({
    command: process.execPath,
    args: [...node.args, join(layout.code, options.entry)],
    env: {
      PATH: '/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin',
      ...node.env,
      ...options.env,
    },
    cwd: layout.code,
    runAs: options.runAs,
    logFile: join(layout.logs, `${options.name}.log`),
  })
}
