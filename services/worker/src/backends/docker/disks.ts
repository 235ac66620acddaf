import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import {
  access,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { basename, join } from 'node:path'
import { BackendError } from '../backend.ts'
import { isAgentId } from './names.ts'

/**
 * One file system of fixed size an agent, in a sparse file on a loop device: the storage itself stops an agent that
 * fills its disk, on any host file system. The engine mounts it through a symbolic link that always points at the
 * file's present loop device, because device numbers change when the machine restarts and a volume's options cannot.
 */
export type Disks = {
  /** Whether this process can attach loop devices; tried once, with a real one. */
  available(signal: AbortSignal): Promise<boolean>
  /** The device path for the engine's volume, stable over restarts of the machine. */
  device(agentId: string): string
  /** Whether the agent has a disk here, or a part of one that a killed process left. */
  exists(agentId: string): Promise<boolean>
  /** Agents that have a disk here, or a part of one. */
  owners(): Promise<string[]>
  /** Whether the link points at a loop device that is this agent's file. */
  attached(agentId: string, signal: AbortSignal): Promise<boolean>
  /**
   * Makes, grows and attaches the agent's disk; repeatable. A disk in use grows the next time it is not.
   * `resources-refused`: it would have to shrink.
   */
  ensure(disk: Disk, signal: AbortSignal): Promise<void>
  /** Detaches and deletes the agent's disk and every part of one; nothing there is fine. */
  remove(agentId: string, signal: AbortSignal): Promise<void>
}

export type Disk = { agentId: string; sizeMb: number; uid: number; gid: number }

const MiB = 1024 * 1024
// Where a distribution keeps them; an unprivileged PATH often lacks the folders for administration.
const toolPath = '/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin'

/** Disks under `<dataDir>/disks`. */
export function createDisks(dataDir: string): Disks {
  const folder = join(dataDir, 'disks')
  const file = (agentId: string) => join(folder, `${agentId}.ext4`)
  const device = (agentId: string) => join(folder, `${agentId}.device`)
  const growing = (agentId: string) => `${file(agentId)}.growing`
  const linkedLoop = (agentId: string) => readlink(device(agentId)).catch(() => undefined)
  let probed: Promise<boolean> | undefined

  async function ensure(disk: Disk, signal: AbortSignal): Promise<void> {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const bytes = disk.sizeMb * MiB
    const present = await sizeOf(file(disk.agentId))
    if (present === undefined) await make(disk, bytes, signal)
    else if (present > bytes) throw cannotShrink(present, disk.sizeMb)
    const linked = await linkedLoop(disk.agentId)
    const isAttached = linked !== undefined && (await backs(file(disk.agentId), linked))
    const loop = isAttached ? linked : await attach(file(disk.agentId), signal)
    const unfinished = (await sizeOf(growing(disk.agentId))) !== undefined
    if (present !== undefined && (present < bytes || unfinished)) await grow(disk, bytes, loop, signal)
    await point(device(disk.agentId), loop)
  }

  // Under another name until it is whole: a file that is there has a file system in it.
  async function make(disk: Disk, bytes: number, signal: AbortSignal): Promise<void> {
    const unfinished = `${file(disk.agentId)}.new`
    await rm(unfinished, { force: true })
    const handle = await open(unfinished, 'wx', 0o600)
    await handle.close()
    await truncate(unfinished, bytes)
    // No blocks kept for root: the agent is not root. The root folder belongs to the agent from the start.
    const options = ['-q', '-F', '-m', '0', '-E', `root_owner=${disk.uid}:${disk.gid},nodiscard`]
    await tool('mkfs.ext4', [...options, unfinished], signal)
    await rename(unfinished, file(disk.agentId))
  }

  async function grow(disk: Disk, bytes: number, loop: string, signal: AbortSignal): Promise<void> {
    // A mounted file system is left as it is: its container still runs, and the redeploy comes back here.
    if (await isMounted(loop, device(disk.agentId))) return
    await tool('e2fsck', ['-f', '-p', loop], signal, [1])
    // Says, should we die in between, that the file has grown and its file system may not have.
    await writeFile(growing(disk.agentId), '')
    await truncate(file(disk.agentId), bytes)
    await tool('losetup', ['--set-capacity', loop], signal)
    await tool('resize2fs', [loop], signal)
    await rm(growing(disk.agentId))
  }

  async function remove(agentId: string, signal: AbortSignal): Promise<void> {
    for (const loop of await loopsOf(file(agentId), signal)) {
      await tool('losetup', ['--detach', loop], signal, [1])
    }
    for (const name of await partsOf(agentId)) await rm(join(folder, name), { force: true })
  }

  async function partsOf(agentId: string): Promise<string[]> {
    return (await namesIn(folder)).filter((name) => name.startsWith(`${agentId}.`))
  }

  return {
    available(signal) {
      probed ??= probe(folder, signal).catch((error) => {
        probed = undefined // an aborted probe says nothing
        throw error
      })
      return probed
    },
    device,
    exists: async (agentId) => (await partsOf(agentId)).length > 0,
    owners: async () => {
      const names = await namesIn(folder)
      return [...new Set(names.map((name) => name.split('.')[0]).filter(isAgentId))]
    },
    async attached(agentId, signal) {
      const target = await linkedLoop(agentId)
      if (target === undefined) return false
      return (await backs(file(agentId), target)) || (await loopsOf(file(agentId), signal)).includes(target)
    },
    ensure,
    remove,
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
}

async function probe(folder: string, signal: AbortSignal): Promise<boolean> {
  const trial = join(folder, `probe-${process.pid}.ext4`)
  try {
    await access('/dev/loop-control', constants.R_OK | constants.W_OK)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await removeTrials(folder, signal)
    const handle = await open(trial, 'w', 0o600)
    await handle.close()
    await truncate(trial, MiB)
    await tool('mkfs.ext4', ['-V'], signal)
    const loop = await attach(trial, signal)
    await tool('losetup', ['--detach', loop], signal)
    return true
  } catch {
    signal.throwIfAborted()
    return false // no tool, no right, no loop driver: the caller reports the disk as not enforced
  } finally {
    await rm(trial, { force: true })
  }
}

/** What processes that were killed in the middle of their trial left attached. */
async function removeTrials(folder: string, signal: AbortSignal): Promise<void> {
  for (const name of await readdir(folder)) {
    const owner = Number(/^probe-(\d+)\.ext4$/.exec(name)?.[1])
    if (Number.isNaN(owner) || (owner !== process.pid && isAlive(owner))) continue
    for (const loop of await loopsOf(join(folder, name), signal)) {
      await tool('losetup', ['--detach', loop], signal, [1])
    }
    await rm(join(folder, name), { force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function attach(file: string, signal: AbortSignal): Promise<string> {
  // --nooverlap gives the device that already has the file: two at once would destroy the file system.
  const out = await tool('losetup', ['--nooverlap', '--find', '--show', file], signal)
  return out.trim()
}

async function loopsOf(file: string, signal: AbortSignal): Promise<string[]> {
  const out = await tool('losetup', ['--noheadings', '--output', 'NAME', '--associated', file], signal, [1])
  return out.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]))
}

/** Whether the kernel says so itself; false where it shows another path of the file, which `losetup` then settles. */
async function backs(file: string, loop: string): Promise<boolean> {
  const path = `/sys/block/${basename(loop)}/loop/backing_file`
  const shown = await readFile(path, 'utf8').catch(() => undefined)
  return shown?.trimEnd() === file && (await sizeOf(file)) !== undefined
}

async function point(link: string, loop: string): Promise<void> {
  if ((await readlink(link).catch(() => undefined)) === loop) return
  const fresh = `${link}.new`
  await rm(fresh, { force: true })
  await symlink(loop, fresh)
  await rename(fresh, link)
}

async function isMounted(loop: string, link: string): Promise<boolean> {
  const mounts = await readFile('/proc/self/mounts', 'utf8')
  return mounts.split('\n').some((line) => line.startsWith(`${loop} `) || line.startsWith(`${link} `))
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

const cannotShrink = (present: number, wantedMb: number) =>
  new BackendError(
    'resources-refused',
    `The agent's disk has ${Math.round(present / MiB)} MB and cannot shrink to ${wantedMb} MB: keep its size, or make a new agent.`,
    { retry: false },
  )

/** Runs one of the host's disk tools within 30 s and gives its output; `ignore` lists exit codes that are no error. */
function tool(name: string, args: string[], signal: AbortSignal, ignore: number[] = []): Promise<string> {
  return new Promise((resolve, reject) => {
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(30_000)])
    const options = { signal: bounded, env: { PATH: toolPath, LC_ALL: 'C' } }
    execFile(name, args, options, (error, stdout, stderr) => {
      if (!error || ignore.includes(Number(error.code))) return resolve(stdout)
      if (signal.aborted) return reject(signal.reason)
      const words = (stderr || error.message).replaceAll(/\s+/g, ' ').trim().slice(0, 300)
      const message = `${name} failed while preparing the agent's disk: ${words}`
      reject(new BackendError('engine-error', message, { retry: true, cause: error }))
    })
  })
}
