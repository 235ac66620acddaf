import { execFile } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { RunAs } from '@nora/embedded/privileges'

const run = promisify(execFile)

export const accountNames = ['postgres', 'redis', 'migrate', 'netguard', 'worker', 'api'] as const
export type AccountName = (typeof accountNames)[number]
export type Accounts = Record<AccountName, RunAs>

const systemName = (name: AccountName) => `nora-${name}`

/** Makes the system users that are missing (no home, no shell, no password). Needs root. */
export async function ensureAccounts(signal: AbortSignal): Promise<void> {
  const known = await passwd()
  for (const name of accountNames) {
    if (known.has(systemName(name))) continue
    const args = ['--system', '--user-group', '--no-create-home', '--home-dir', '/nonexistent']
    await run('/usr/sbin/useradd', [...args, '--shell', '/usr/sbin/nologin', systemName(name)], { signal })
  }
}

/** Removes the users that `ensureAccounts` made. */
export async function removeAccounts(signal: AbortSignal): Promise<void> {
  const known = await passwd()
  for (const name of accountNames) {
    if (known.has(systemName(name))) await run('/usr/sbin/userdel', [systemName(name)], { signal })
  }
}

/**
 * The identity of each process. The api and the worker are in Redis's group, for its socket. The worker is also in
 * the group of the engine's socket and of block devices, and keeps four capabilities: it gives key files to the
 * agents' uid and attaches loop devices for sized volumes. That adds no power: whoever may speak to the engine's
 * socket can already become root through it. The host guard may change the firewall and nothing else.
 */
export async function loadAccounts(engineSocket: string): Promise<Accounts> {
  const known = await passwd()
  const identity = (name: AccountName): RunAs => {
    const found = known.get(systemName(name))
    if (!found) throw new Error(`the system user ${systemName(name)} is missing: run ./setup.sh again`)
    return found
  }
  const redis = identity('redis')
  const engine = await stat(engineSocket).catch(() => undefined)
  // A socket of group root would put the worker into root's group: it is left out and the worker says why it fails.
  const engineGroup = engine && engine.gid !== 0 ? [engine.gid] : []
  const disk = (await groupId('disk')) ?? []
  return {
    postgres: identity('postgres'),
    redis,
    migrate: identity('migrate'),
    netguard: { ...identity('netguard'), capabilities: ['net_admin'] },
    worker: {
      ...identity('worker'),
      groups: [redis.gid, ...engineGroup, ...disk],
      capabilities: ['chown', 'fowner', 'dac_override', 'sys_admin'],
    },
    api: { ...identity('api'), groups: [redis.gid] },
  }
}

async function passwd(): Promise<Map<string, RunAs>> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n')
  return new Map(
    lines
      .map((line) => line.split(':'))
      .map(([name, , uid, gid]) => [name ?? '', { uid: Number(uid), gid: Number(gid) }]),
  )
}

async function groupId(name: string): Promise<number[] | undefined> {
  const line = (await readFile('/etc/group', 'utf8')).split('\n').find((one) => one.startsWith(`${name}:`))
  return line ? [Number(line.split(':')[2])] : undefined
}
