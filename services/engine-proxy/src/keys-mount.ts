import { readFileSync } from 'node:fs'
import { Refusal } from './refusal.ts'

/**
 * The worker owns the folder of agents' keys, so it could put a symbolic link to any folder of the host in the place of an
 * agent's, which the engine, as root, would follow when it mounts it: at each start, whatever was looked at before. A mount
 * with `nosymfollow` (Linux 5.10, mount(8)) makes the kernel refuse every link that lies on it, at any time. Undefined when
 * the folder is on such a mount and in memory, else what is wrong and what to do.
 */
export function keysMountProblem(keysDir: string, mountinfo = readMounts()): string | undefined {
  const mounts = mountinfo
    .split('\n')
    .map(parseMount)
    .filter((mount) => mount !== undefined)
    .filter(({ point }) => point === '/' || keysDir === point || keysDir.startsWith(`${point}/`))
  // The longest path is the nearest mount, and of two on one path the later covers the earlier.
  const nearest = mounts.reduce<Mount | undefined>(
    (best, mount) => (best && best.point.length > mount.point.length ? best : mount),
    undefined,
  )
  const how = `mount it anew: mount -t tmpfs -o mode=0700,uid=<the worker's>,nosuid,nodev,noexec,nosymfollow tmpfs ${keysDir}`
  if (!nearest?.options.includes('nosymfollow')) return `is on a mount that follows symbolic links: ${how}`
  if (nearest.kind !== 'tmpfs' && nearest.kind !== 'ramfs') return `is on a disk: ${how}`
  return undefined
}

/** Throws `Refusal` unless a folder below it is sure to be that folder. */
export function requireKeysMount(keysDir: string): void {
  const problem = keysMountProblem(keysDir)
  if (problem !== undefined) throw new Refusal(`NORA_KEYS_DIR ${problem}`)
}

type Mount = { point: string; options: string[]; kind: string }

const readMounts = () => readFileSync('/proc/self/mountinfo', 'utf8')

/** A line of proc_pid_mountinfo(5). */
function parseMount(line: string): Mount | undefined {
  const [before, after] = line.split(' - ')
  const parts = before?.split(' ') ?? []
  const [point, options, kind] = [parts[4], parts[5], after?.split(' ')[0]]
  if (point === undefined || options === undefined || kind === undefined) return undefined
  const plain = point.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  )
  return { point: plain, options: options.split(','), kind }
}
