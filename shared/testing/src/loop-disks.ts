import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * Detaches the loop devices of files under `folder`: what a killed worker, or data that was to be kept, left attached.
 * A deleted file would hold its device for ever. Where there is no losetup there is nothing attached.
 */
export async function detachDisks(folder: string): Promise<void> {
  for (const device of await disksUnder(folder)) {
    await run('losetup', ['--detach', device]).catch(async (error) => {
      // The kernel lets go by itself of one whose last mount has just ended.
      if ((await disksUnder(folder)).includes(device)) throw error
    })
  }
}

async function disksUnder(folder: string): Promise<string[]> {
  const { stdout } = await run('losetup', ['--noheadings', '--output', 'NAME,BACK-FILE']).catch(() => ({
    stdout: '',
  }))
  const lines = stdout.split('\n').map((line) => line.trim().split(/\s+/))
  return lines.flatMap(([device, file]) => (device && file?.startsWith(`${folder}/`) ? [device] : []))
}
