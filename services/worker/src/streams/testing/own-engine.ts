import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readdir, rm, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitUntil } from '@nora/testing/wait-until'
import Docker from 'dockerode'

/** A Docker Engine of a test's own, in namespaces of its own, so that it can be killed; needs root. */
export type OwnEngine = {
  docker: Docker
  start(): Promise<void>
  /** SIGKILL to the engine and, with its namespace, to every container. */
  kill(): Promise<void>
  close(): Promise<void>
}

const script = `ip link set lo up
mount -t tmpfs tmpfs /run
dockerd --host "unix://$1/docker.sock" --data-root "$1/data" --exec-root "$1/exec" --pidfile "$1/pid" \\
  --bridge none --iptables=false --cgroup-parent "/$2" >>"$1/log" 2>&1 &
wait`

export function ownEngine(): OwnEngine {
  const group = `nora-test-${randomBytes(6).toString('hex')}`
  const folder = join(tmpdir(), group)
  const docker = new Docker({ socketPath: join(folder, 'docker.sock') })
  let child: ChildProcess | undefined

  async function kill(): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  return {
    docker,
    kill,
    async start() {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await rm(join(folder, 'pid'), { force: true })
      await rm(join(folder, 'docker.sock'), { force: true })
      await rm(join(folder, 'exec'), { recursive: true, force: true })
      const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child=KILL', '--mount-proc']
      const inside = ['bash', '-c', script, 'engine', folder, group]
      child = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', ...namespaces, ...inside], {
        stdio: 'ignore',
      })
      await waitUntil('the engine', () => docker.ping(), { deadlineMs: 60_000, everyMs: 100 })
    },
    async close() {
      await kill()
      // The kernel takes a moment to end a namespace; until then its mounts are busy.
      const remove = () => rm(folder, { recursive: true, force: true }).then(() => true)
      await waitUntil('the engine’s folder to be free', remove, { deadlineMs: 20_000, everyMs: 100 })
      for (const controller of await readdir('/sys/fs/cgroup'))
        await removeGroup(join('/sys/fs/cgroup', controller, group))
      await removeGroup(join('/sys/fs/cgroup', group))
    },
  }
}

async function removeGroup(path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => undefined)
  if (!entries) return
  for (const entry of entries) if (entry.isDirectory()) await removeGroup(join(path, entry.name))
  await waitUntil('an empty control group', () => rmdir(path).then(() => true))
}
