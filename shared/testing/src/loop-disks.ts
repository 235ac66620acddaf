import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * Detaches the loop devices of files under `folder`: what a killed worker, or data that was to be kept, left attached.
 * A deleted file would hold its device for ever. Where there is no losetup there is nothing attached.
 */
export async function detachDisks(folder: string): Promise<void> {
  const { stdout } = await run('losetup', ['--noheadings', '--output', 'NAME,BACK-FILE']).catch(() => ({
    stdout: '',
  }))
  for (const line of stdout.split('\n')) {
    const [device, file] = line.trim().split(/\s+/)
    if (device && file?.startsWith(`${folder}/`)) await run('losetup', ['--detach', device])
  }
}
