import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtemp, readFile, readlink, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { GuardStatus } from './status.ts'

const run = promisify(execFile)
const main = join(import.meta.dirname, 'main.ts')
const installation = '49af7bd2-0000-4000-8000-000000000001'
const forward = 'NORA-49af7bd2-FWD'
const input = 'NORA-49af7bd2-IN'

// Everything happens in a network namespace of this test's own, which a process that only waits keeps alive.
let holder: ChildProcess
let folder: string
const running: ChildProcess[] = []

const inside = (...command: string[]) => run('nsenter', ['--net', `--target=${holder.pid}`, ...command])
const saved = async () =>
  (await inside('iptables-save', '-t', 'mangle')).stdout.replace(/^#.*\n/gm, '').replace(/\[\d+:\d+\]/g, '')
const env = () => ({
  PATH: '/usr/sbin:/sbin:/usr/bin:/bin',
  NORA_INSTALLATION_ID: installation,
  NORA_AGENT_NETWORK_POOL: '10.214.0.0/16',
  NORA_EGRESS_ALLOW_FILE: join(folder, 'allow'),
  NORA_NETGUARD_STATUS: join(folder, 'status.json'),
})

// As a user of no rights but the one it needs.
const asGuard = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs']
const netAdmin = [
  '--inh-caps=-all,+net_admin',
  '--ambient-caps=-all,+net_admin',
  '--bounding-set=-all,+net_admin',
]

function start(...flags: string[]) {
  const child = spawn(
    'nsenter',
    ['--net', `--target=${holder.pid}`, ...asGuard, ...netAdmin, process.execPath, main, ...flags],
    { env: env(), stdio: ['ignore', 'pipe', 'pipe'] },
  )
  running.push(child)
  return child
}

/** In one piece: a look in the middle of writing would find a list of nothing, which is a good one. */
async function allow(lines: string): Promise<void> {
  await writeFile(join(folder, 'allow.new'), lines)
  await rename(join(folder, 'allow.new'), join(folder, 'allow'))
}

const ended = (child: ChildProcess) => new Promise<number | null>((resolve) => child.once('exit', resolve))
const status = async () => JSON.parse(await readFile(join(folder, 'status.json'), 'utf8')) as GuardStatus

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nora-netguard-'))
  await run('chmod', ['777', folder])
  holder = spawn('unshare', ['--net', 'tail', '-f', '/dev/null'], { stdio: 'ignore' })
  const own = await readlink('/proc/self/ns/net')
  const theirs = () => readlink(`/proc/${holder.pid}/ns/net`)
  await vi.waitUntil(async () => (await theirs()) !== own, { timeout: 60_000 })
})

afterAll(async () => {
  for (const child of [...running, holder]) child.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

test('the rules stand without root, first in both chains, and come back after a flush, a rule in front and an edit', async () => {
  await inside('iptables', '-t', 'mangle', '-A', 'FORWARD', '-s', '192.0.2.1', '-j', 'ACCEPT')
  const guard = start()
  await expect
    .poll(() => status().catch(() => undefined), { timeout: 60_000 })
    .toMatchObject({ ok: true, putBack: 0 })
  const before = await saved()
  expect(before).toContain(`-A FORWARD -j ${forward}\n-A FORWARD -s 192.0.2.1/32 -j ACCEPT`)
  expect(before).toContain(`-A INPUT -j ${input}`)
  expect(before).toContain(`-A ${forward} -s 10.214.0.0/16 -d 169.254.0.0/16 -j DROP`)

  let putBack = 0
  const disturb = async (...args: string[]) => {
    await inside('iptables', '-w', '-t', 'mangle', ...args)
    putBack++
    await expect.poll(async () => (await status()).putBack, { timeout: 60_000 }).toBe(putBack)
  }
  await disturb('-F')
  // The stranger's rule went with the flush; ours are all back.
  expect(await saved()).toBe(before.replace('-A FORWARD -s 192.0.2.1/32 -j ACCEPT\n', ''))
  const whole = await saved()
  await disturb('-D', 'FORWARD', '-j', forward)
  await disturb('-I', forward, '1', '-j', 'ACCEPT')
  await disturb('-D', input, '-s', '10.214.0.0/16', '-j', 'DROP')
  expect(await saved()).toBe(whole)
  await disturb('-I', 'INPUT', '1', '-j', 'ACCEPT')
  expect(await saved()).toContain(`-A INPUT -j ${input}\n-A INPUT -j ACCEPT`)
  await inside('iptables', '-w', '-t', 'mangle', '-D', 'INPUT', '-j', 'ACCEPT')

  guard.kill('SIGTERM')
  expect(await ended(guard)).toBe(0)
  expect(await saved(), 'the rules outlive it').toBe(whole)
})

test('what is opened is taken up while it runs, and a list that is wrong changes nothing', async () => {
  const guard = start()
  await expect.poll(async () => (await status()).ok && saved(), { timeout: 60_000 }).toContain(forward)
  await allow('10.0.0.9:8080 # the demo\n')
  const opened = `-A ${forward} -s 10.214.0.0/16 -d 10.0.0.9/32 -p tcp -m tcp --dport 8080 -j RETURN`
  await expect.poll(saved, { timeout: 60_000 }).toContain(opened)
  let said = ''
  guard.stdout?.on('data', (bytes) => {
    said += bytes
  })
  await allow('10.0.0.9:8080\nanything\n')
  await expect.poll(() => said, { timeout: 60_000 }).toContain('`anything` is not <IPv4 address>:<port>')
  expect(await saved()).toContain(opened)
  await rm(join(folder, 'allow'))
  await expect.poll(saved, { timeout: 60_000 }).not.toContain('8080')
  guard.kill('SIGTERM')
  await ended(guard)
})

test('two installations stand side by side without an argument about who is first', async () => {
  const first = start()
  const other = spawn('nsenter', ['--net', `--target=${holder.pid}`, process.execPath, main], {
    env: {
      ...env(),
      ...{
        NORA_INSTALLATION_ID: installation.replace('49af7bd2', '11111111'),
        NORA_AGENT_NETWORK_POOL: '10.215.0.0/16',
      },
      NORA_NETGUARD_STATUS: join(folder, 'other.json'),
    },
    stdio: 'ignore',
  })
  running.push(other)
  const others = async () => JSON.parse(await readFile(join(folder, 'other.json'), 'utf8')) as GuardStatus
  await expect.poll(() => others().catch(() => undefined), { timeout: 60_000 }).toMatchObject({ ok: true })
  const { at } = await others()
  await expect
    .poll(async () => (await others()).at > at && (await status()).at > at, { timeout: 60_000 })
    .toBe(true)
  expect([(await others()).putBack, (await status()).putBack]).toEqual([0, 0])
  for (const child of [first, other]) {
    child.kill('SIGTERM')
    await ended(child)
  }
})

test('--remove takes away what is ours alone, and can be said twice; without the right it says what is missing', async () => {
  await inside('iptables', '-w', '-t', 'mangle', '-A', 'INPUT', '-s', '192.0.2.9', '-j', 'ACCEPT')
  expect(await ended(start('--remove'))).toBe(0)
  const left = await saved()
  expect(left).not.toContain('NORA-49af7bd2')
  expect(left).toContain('NORA-11111111-FWD')
  expect(left).toContain('-s 192.0.2.9/32')
  expect(await ended(start('--remove'))).toBe(0)

  const powerless = await run(
    'nsenter',
    ['--net', `--target=${holder.pid}`, ...asGuard, process.execPath, main, '--once'],
    {
      env: env(),
    },
  ).catch((error) => error)
  expect(powerless.code).toBe(1)
  expect(powerless.stderr).toContain('CAP_NET_ADMIN')
})
