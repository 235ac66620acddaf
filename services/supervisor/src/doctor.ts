import { readFile, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { findEngine } from '@nora/embedded/engine'
import { findProgram } from '@nora/embedded/find-program'
import { hasInit } from './engine-part.ts'
import { guardStatus } from './host-guard.ts'
import { readInstallation } from './installation.ts'
import { type Layout, setupCommand } from './layout.ts'
import { isMemoryBacked } from './prepare.ts'
import { examineRotations } from './rotation/examine.ts'
import { examineSecrets, type Level } from './secrets/examine.ts'
import { askSupervisor } from './status-socket.ts'

export type Finding = { ok: boolean; what: string; fix?: string; level?: Level }

/** Looks at everything an installation stands on; changes nothing. A finding that is not ok names its fix. */
export async function examine(layout: Layout): Promise<Finding[]> {
  const findings: Finding[] = []
  const say = (ok: boolean, what: string, fix?: string, level: Level = 'problem') =>
    findings.push({ ok, what, ...(ok || !fix ? {} : { fix, level }) })
  const again = `run ${setupCommand(layout)}`

  for (const program of ['redis-server', 'setpriv', 'prlimit', 'openssl', 'docker']) {
    say(findProgram(program) !== undefined, `${program} is installed`, again)
  }
  const node = Number(process.versions.node.split('.')[0])
  say(node >= 24, `Node ${process.versions.node} runs it`, `${again}: it puts Node 24 first on PATH`)

  const installation = await readInstallation(layout).catch((error: Error) => {
    say(false, 'it is installed', error.message)
    return undefined
  })
  if (!installation) return findings
  const engine = await findEngine(installation.engineSocket)
  const startEngine = (await hasInit()) ? 'run `systemctl start docker`' : again
  say(engine !== undefined, `Docker Engine ${engine?.version ?? ''} answers`, startEngine)
  if (engine) {
    const mode = (await stat(installation.engineSocket)).mode
    say(
      (mode & 0o006) === 0,
      'the engine socket is closed to others',
      `chmod 660 ${installation.engineSocket}`,
    )
  }

  await examineFiles(layout, say)
  await examineSecrets(layout, say)
  const memory = [layout.run, '/dev/shm'].map((path) => isMemoryBacked(path).catch(() => false))
  say((await Promise.all(memory)).includes(true), 'keys can be kept in memory', 'mount a tmpfs on /dev/shm')
  const disk = await statfs(layout.data)
  const freeGb = (disk.bavail * disk.bsize) / 1024 ** 3
  say(
    freeGb > 2,
    `${freeGb.toFixed(1)} GiB free in ${layout.data}`,
    'make room: agents and Postgres need more than 2 GiB',
  )

  const status = await askSupervisor(layout.statusSocket, 'status')
  say(status !== undefined, 'the supervisor runs', again)
  for (const one of status?.processes ?? []) {
    say(one.state === 'running', `${one.name}: ${one.reason}`, `read ${join(layout.logs, `${one.name}.log`)}`)
  }
  await examineGuard(layout, status !== undefined, say)
  await examineRotations(layout, status?.ready === true, say)
  if (status) {
    const answer = await fetch(`${installation.localUrl}/api/readyz`, {
      signal: AbortSignal.timeout(5_000),
    }).then(
      async (response) => ({ ok: response.ok, text: (await response.text()).slice(0, 300) }),
      (error: Error) => ({ ok: false, text: error.message }),
    )
    say(answer.ok, `the api is ready at ${installation.localUrl}`, `it says: ${answer.text}`)
  }
  return findings
}

async function examineGuard(
  layout: Layout,
  running: boolean,
  say: (ok: boolean, what: string, fix?: string, level?: Level) => void,
) {
  if (!layout.separated) {
    const fix = 'install as root: only root may close them (docs/host-guard.md)'
    return say(false, 'agents can reach every port of this machine', fix, 'warning')
  }
  if (!running) return
  const guard = await guardStatus(layout)
  const log = join(layout.logs, 'netguard.log')
  say(
    guard?.ok === true,
    `the host guard stands${guard?.ok ? '' : ` not: ${guard?.reason ?? 'it says nothing'}`}`,
    `read ${log}`,
  )
}

async function examineFiles(layout: Layout, say: (ok: boolean, what: string, fix?: string) => void) {
  for (const [file, secret] of [
    ['worker', 'ENCRYPTION_KEY'],
    ['api', 'JWT_SECRET'],
  ] as const) {
    const text = await readFile(join(layout.config, `${file}.env`), 'utf8').catch(() => '')
    const there = new RegExp(`^${secret}(_FILE|_KEYRING|_SEALED_FILE)?=.`, 'm').test(text)
    say(
      there,
      `${file}.env has ${secret}`,
      `run ${setupCommand(layout)}; never make a new ENCRYPTION_KEY over old data`,
    )
  }
}
