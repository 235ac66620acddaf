import { readFile, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { findEngine } from '@nora/embedded/engine'
import { findProgram } from '@nora/embedded/find-program'
import { containerUids } from './compose/addresses.ts'
import { isWell, projectOf, stackContainers, stackServices, statusOf } from './compose/containers.ts'
import { hasCompose } from './compose/run-compose.ts'
import { usersWith } from './compose/users-with.ts'
import { hasInit } from './engine-part.ts'
import { guardStatus } from './host-guard.ts'
import { type Installation, readInstallation } from './installation.ts'
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

  const node = Number(process.versions.node.split('.')[0])
  say(node >= 24, `Node ${process.versions.node} runs it`, `${again}: it puts Node 24 first on PATH`)

  const installation = await readInstallation(layout).catch((error: Error) => {
    say(false, 'it is installed', error.message)
    return undefined
  })
  const inStack = installation?.mode === 'compose'
  for (const program of inStack
    ? ['openssl', 'docker']
    : ['redis-server', 'setpriv', 'prlimit', 'openssl', 'docker']) {
    say(findProgram(program) !== undefined, `${program} is installed`, again)
  }
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

  const runs = inStack ? await examineStack(installation, say) : await examineProcesses(installation, say)
  await examineRotations(layout, runs, say)
  return findings
}

type Say = (ok: boolean, what: string, fix?: string, level?: Level) => void

/** Gives whether all of it runs. */
async function examineProcesses(installation: Installation, say: Say): Promise<boolean> {
  const { layout } = installation
  const status = await askSupervisor(layout.statusSocket, 'status')
  say(status !== undefined, 'the supervisor runs', `run ${setupCommand(layout)}`)
  for (const one of status?.processes ?? []) {
    say(one.state === 'running', `${one.name}: ${one.reason}`, `read ${join(layout.logs, `${one.name}.log`)}`)
  }
  await examineGuard(layout, status !== undefined, say)
  if (status) await examineReadiness(installation, say)
  return status?.ready === true
}

async function examineGuard(layout: Layout, running: boolean, say: Say) {
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

/** Gives whether all of it is well. */
async function examineStack(installation: Installation, say: Say): Promise<boolean> {
  const { layout } = installation
  const again = `run ${setupCommand(layout)}`
  const compose = await hasCompose()
  say(compose, 'a Compose is installed', `${again}: it installs docker-compose`)
  const strangers = await usersWith(Object.values(containerUids))
  say(
    strangers.length === 0,
    strangers.length === 0
      ? 'the containers’ uids are nobody else’s'
      : `${strangers.join(', ')}: the uid of a container`,
    'give that user another uid: the files of that container, its secrets among them, are theirs too',
  )
  const found = await stackContainers(installation, AbortSignal.timeout(60_000)).catch(() => [])
  const rows = found.map(statusOf)
  for (const service of stackServices) {
    const row = rows.find(({ name }) => name === service)
    if (!row) say(false, `${service} has its container`, again)
    else
      say(
        isWell(row),
        `${service}: ${row.reason}`,
        `docker logs ${projectOf(installation)}-${service}; then ${again}`,
      )
  }
  if (rows.some(({ name, state }) => name === 'nginx' && state === 'running'))
    await examineReadiness(installation, say)
  return rows.length > 0 && rows.every(isWell)
}

async function examineReadiness({ localUrl }: Installation, say: Say): Promise<void> {
  const answer = await fetch(`${localUrl}/api/readyz`, { signal: AbortSignal.timeout(5_000) }).then(
    async (response) => ({ ok: response.ok, text: (await response.text()).slice(0, 300) }),
    (error: Error) => ({ ok: false, text: `${error.message} ${error.cause ?? ''}` }),
  )
  say(answer.ok, `the api is ready at ${localUrl}`, `it says: ${answer.text}`)
}

async function examineFiles(layout: Layout, say: Say) {
  for (const [file, secret] of [
    ['worker', 'ENCRYPTION_KEY'],
    ['api', 'JWT_SECRET'],
  ] as const) {
    const text = await readFile(join(layout.config, `${file}.env`), 'utf8').catch(() => '')
    const there = new RegExp(
      `^[ \\t]*(export[ \\t]+)?${secret}(_FILE|_KEYRING|_SEALED_FILE)?[ \\t]*=[ \\t]*\\S`,
      'm',
    ).test(text)
    say(
      there,
      `${file}.env has ${secret}`,
      `run ${setupCommand(layout)}; never make a new ENCRYPTION_KEY over old data`,
    )
  }
}
