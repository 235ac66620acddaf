import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { waitUntil } from '@nora/testing/wait-until'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const services = fileURLToPath(new URL('../..', import.meta.url))
const path = '/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin'

let prefix: string
let id: string
let namespace: ChildProcess
const processes: ChildProcess[] = []
let server: Server | undefined
const at = (name: string) => join(prefix, name)
const engineSocket = () => at('docker.sock')
const commOf = ({ pid }: ChildProcess) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim()

/** A process that does nothing, under this name and in this folder. */
async function standing(name: string, cwd = prefix): Promise<ChildProcess> {
  copyFileSync('/bin/sleep', at(name))
  const child = spawn(at(name), ['600'], { stdio: 'ignore', cwd })
  processes.push(child)
  await waitUntil(`${name} to have its name`, () => commOf(child) === name, { deadlineMs: 30_000 })
  return child
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** What the engine answers, by method and path; anything else is an empty list. */
async function engineSaying(answer: (call: string) => [number, unknown] | undefined): Promise<void> {
  server = createServer((request, response) => {
    const [status, body] = answer(`${request.method} ${request.url?.split('?')[0]}`) ?? [200, []]
    response.writeHead(status, { connection: 'close' }).end(JSON.stringify(body))
  }).listen(engineSocket())
  await once(server, 'listening')
}

const isolated = (command: string, args: string[], env: Record<string, string> = {}) =>
  new Promise<{ code: number; out: string }>((resolve) => {
    const inside = [`--net=/proc/${namespace.pid}/ns/net`, command, ...args]
    execFile('nsenter', inside, { env: { PATH: path, ...env } }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, out: stdout + stderr }),
    )
  })
const uninstall = (...options: string[]) => {
  const main = join(services, 'supervisor/src/main.ts')
  return isolated(process.execPath, [main, '--prefix', prefix, 'uninstall', '--yes', ...options])
}
const rules = async () => (await isolated('iptables', ['-t', 'mangle', '-S'])).out

const kept = ['etc/nora/worker.env', 'run/nora/keys/key', 'var/log/nora/log', 'var/lib/nora/disks/agent.ext4']
const left = () => kept.filter((name) => existsSync(at(name)))

// Rules stand in a network namespace of the test's own: this machine's stay as they are.
describe.runIf(process.getuid?.() === 0)('with a host guard', () => {
  beforeEach(async () => {
    prefix = mkdtempSync(join(tmpdir(), 'nora-uninstall-'))
    id = randomUUID()
    namespace = spawn('unshare', ['--net', 'sleep', '600'], { stdio: 'ignore' })
    processes.push(namespace)
    await waitUntil('the namespace to stand', () => commOf(namespace) === 'sleep', { deadlineMs: 30_000 })
    for (const name of kept) {
      mkdirSync(join(at(name), '..'), { recursive: true })
      writeFileSync(at(name), '')
    }
    const files = {
      installation: `NORA_INSTALLATION_ID=${id}\nNORA_AGENT_NETWORK_POOL=10.213.0.0/16\nNORA_PORT=1\nNORA_WORKER_PORT=2\n`,
      api: `NORA_CAPABILITY_PRIVATE_KEY=${randomBytes(32).toString('base64url')}\n`,
      worker: `DOCKER_HOST=unix://${engineSocket()}\n`,
      migrate: ['MIGRATOR', 'APP', 'WORKER'].map((who) => `NORA_DB_PASSWORD_${who}=x\n`).join(''),
    }
    for (const [name, text] of Object.entries(files)) writeFileSync(at(`etc/nora/${name}.env`), text)
    const guard = { NORA_INSTALLATION_ID: id, NORA_AGENT_NETWORK_POOL: '10.213.0.0/16' }
    const main = join(services, 'netguard/src/main.ts')
    expect(await isolated(process.execPath, [main, '--once'], guard)).toMatchObject({ code: 0 })
    expect(await rules()).toContain('10.213.0.0/16')
  })
  afterEach(async () => {
    const listening = server
    if (listening?.listening) await new Promise((resolve) => listening.close(resolve))
    for (const child of processes.splice(0)) await end(child)
    rmSync(prefix, { recursive: true })
    rmSync(`/dev/shm/nora-${id.slice(0, 8)}`, { recursive: true, force: true })
  })

  test.each([[[]], [['--purge']]])(
    'an engine of ours that does not answer keeps its agents guarded, and what it needs; %s finishes once it is gone',
    async (options) => {
      const engine = await standing('dockerd')
      writeFileSync(at('var/lib/nora/engine.pid'), `${engine.pid}\n`)
      const { code, out } = await uninstall(...options)
      expect(left()).toEqual(kept)
      expect(await rules()).toContain('10.213.0.0/16')
      expect(existsSync(at('var/lib/nora/engine.pid'))).toBe(true)
      expect(engine.signalCode).toBeNull()
      expect(out).toContain('may still run: kept the rules of the host guard')
      const again = ['./setup.sh', '--prefix', prefix, '--uninstall', ...options].join(' ')
      expect(out).toContain(`end or restart that engine (pid ${engine.pid}), then run ${again} again`)
      expect(code).toBe(1)
      await end(engine)
      expect(await uninstall(...options)).toMatchObject({ code: 0 })
      expect(await rules()).not.toContain('10.213.0.0/16')
      expect(left()).toEqual(options.length > 0 ? [] : [kept[0], kept[3]])
    },
    120_000,
  )

  test('an agent that outlives its killed engine keeps its guard until it has ended', async () => {
    const bundle = at('bundle')
    mkdirSync(bundle)
    writeFileSync(join(bundle, 'config.json'), `{"source":"/volumes/nora-${id.slice(0, 8)}-vol-agent/_data"}`)
    const shim = await standing('containerd-shim', bundle)
    const { code, out } = await uninstall('--purge')
    expect(left()).toEqual(kept)
    expect(await rules()).toContain('10.213.0.0/16')
    expect(out).toContain('start the engine again')
    expect(code).toBe(1)
    await end(shim)
    expect(await uninstall('--purge')).toMatchObject({ code: 0 })
    expect(left()).toEqual([])
  }, 120_000)

  test.each<['embedded' | 'compose', string]>([
    ['embedded', 'GET /containers/json'],
    ['embedded', 'DELETE /containers/agent'],
    ['compose', 'GET /containers/json'],
    ['compose', 'DELETE /containers/agent'],
  ])(
    'of the shape %s, an engine that refuses %s keeps all, and the next run finishes',
    async (mode, refused) => {
      const text = readFileSync(at('etc/nora/installation.env'), 'utf8')
      writeFileSync(at('etc/nora/installation.env'), `${text}NORA_MODE=${mode}\n`)
      let busy = true
      const agent = { Id: 'agent', Names: ['/agent'], Config: { Labels: {} }, State: { Running: false } }
      await engineSaying((call) => {
        if (busy && call === refused) return [503, { message: 'busy' }]
        if (call === 'GET /containers/json') return [200, busy ? [agent] : []]
        return call === 'GET /containers/agent/json' ? [200, agent] : undefined
      })
      const { code, out } = await uninstall('--purge')
      expect(left()).toEqual(kept)
      expect(await rules()).toContain('10.213.0.0/16')
      expect(out).toContain(`end or restart that engine (${engineSocket()})`)
      expect(code).toBe(1)
      busy = false
      expect(await uninstall('--purge')).toMatchObject({ code: 0 })
      expect(await rules()).not.toContain('10.213.0.0/16')
      expect(left()).toEqual([])
    },
    120_000,
  )
})
