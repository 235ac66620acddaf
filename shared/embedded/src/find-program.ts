import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

/** The full path of a program, looked for on PATH and in the sbin folders that a user's PATH often lacks. */
export function findProgram(name: string): string | undefined {
  const folders = `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin`.split(':')
  return folders
    .filter(Boolean)
    .map((folder) => join(folder, name))
    .find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false // absent or not ours to run: either way not found
  }
}
