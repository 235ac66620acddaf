import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, mkdir, open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { freePort } from '@nora/testing/free-port'
import { tempFolder } from '@nora/testing/temp-folder'
import { waitUntil } from '@nora/testing/wait-until'
import { edgeConf } from '../edge-conf.ts'
import { pagesConf } from '../pages-conf.ts'
import { readSettings } from '../settings.ts'

export const publicHost = 'nora.test'
export const adminHost = 'admin.nora.test'
const agentsDomain = 'agents-nora.test'
/** Whose processes nginx's are: nobody's. Without root they are the test's own. */
const nobody = 65_534
const isRoot = process.getuid?.() === 0
export const setupTls = fileURLToPath(new URL('../../setup-tls.sh', import.meta.url))

/** A running nginx of a test. */
export type Edge = {
  httpPort: number
  httpsPort: number
  healthPort: number
  /** The certificate, which signs itself. */
  ca: string
  folder: string
  /** What nginx wrote: the access log and stderr. */
  logged: () => Promise<string>
  /** The access log's line of the request with that correlation id, which nginx writes when it has answered. */
  lineOf: (correlationId: string) => Promise<Record<string, unknown>>
  pidFile: string
  close: () => Promise<void>
}

/** Ports that nobody listens on at the moment. */
async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) ports.add(await freePort())
  return [...ports]
}

/** Where an edge will listen: known first, since the api behind it has to know its own address. */
export async function edgePorts() {
  const [httpPort = 0, httpsPort = 0, healthPort = 0] = await freePorts(3)
  return { httpPort, httpsPort, healthPort, publicPort: httpsPort }
}

type Given = Record<string, unknown> & Awaited<ReturnType<typeof edgePorts>>

/** The edge with a certificate that `setup-tls.sh` made. Upstreams that are not given are nobody's. */
export async function startEdge(given: Given): Promise<Edge> {
  const folder = await workFolder()
  const certDir = join(folder, 'tls')
  const owner = isRoot ? ['--owner', String(nobody)] : []
  const names = ['--public-host', publicHost, '--admin-host', adminHost, '--agents-domain', agentsDomain]
  await promisify(execFile)(setupTls, ['--self-signed', ...names, '--dir', certDir, ...owner])
  const nobodys = '127.0.0.1:9'
  const settings = readSettings({
    ...{ publicHost, adminHost, agentsDomain, certDir, tmpDir: folder, listen: '127.0.0.1' },
    ...{ apiUpstream: nobodys, consoleUpstream: nobodys, adminUpstream: nobodys },
    ...{ accessLog: join(folder, 'access.log'), acmeWebroot: join(folder, 'acme') },
    ...given,
  })
  await mkdir(join(folder, 'acme/.well-known/acme-challenge'), { recursive: true })
  const { logged, close } = await startNginx(folder, 'nora-edge', edgeConf(settings), settings.healthPort)
  return {
    ...given,
    folder,
    ca: await readFile(join(certDir, 'fullchain.pem'), 'utf8'),
    logged,
    lineOf: (correlationId) =>
      waitUntil('a line in the log', async () => {
        const found = (await logged()).split('\n').find((line) => line.includes(`"id":"${correlationId}"`))
        return found && JSON.parse(found)
      }),
    pidFile: join(folder, 'nora-edge.pid'),
    close,
  }
}

/** The server that has an app's pages. @param dist the built app. */
export async function startPages(
  app: 'console' | 'admin',
  build: (folder: string) => Promise<void>,
  given: Record<string, unknown> = {},
): Promise<{ upstream: string; close: () => Promise<void> }> {
  const folder = await workFolder()
  const pagesDir = join(folder, 'www')
  await build(app === 'admin' ? join(pagesDir, 'admin') : pagesDir)
  const [pagesPort = 0] = await freePorts(1)
  const settings = readSettings({ publicHost, adminHost, tmpDir: folder, pagesDir, pagesPort, ...given })
  const { close } = await startNginx(folder, `nora-${app}`, pagesConf(settings, app), pagesPort)
  return { upstream: `127.0.0.1:${pagesPort}`, close }
}

async function workFolder(): Promise<string> {
  const folder = await tempFolder('nora-edge-')
  await chmod(folder, 0o755)
  if (isRoot) await chown(folder, nobody, nobody)
  return folder
}

async function startNginx(folder: string, name: string, conf: string, port: number) {
  const path = join(folder, `${name}.conf`)
  await writeFile(path, conf)
  const stderr = await open(join(folder, 'stderr.log'), 'a')
  const child = spawn('/usr/sbin/nginx', ['-c', path, '-e', 'stderr'], {
    stdio: ['ignore', stderr.fd, stderr.fd],
    ...(isRoot ? { uid: nobody, gid: nobody } : {}),
  })
  const ended = once(child, 'exit')
  const logged = async () => {
    const texts = ['access.log', 'stderr.log'].map((file) =>
      readFile(join(folder, file), 'utf8').catch(() => ''),
    )
    return (await Promise.all(texts)).join('\n')
  }
  const close = async () => {
    child.kill('SIGTERM')
    await ended
    await stderr.close()
  }
  try {
    await waitUntil('nginx to listen', async () => {
      if (child.exitCode !== null) return true
      return fetch(`http://127.0.0.1:${port}/`, { redirect: 'manual' })
    })
    if (child.exitCode !== null) throw new Error(`nginx does not start: ${await logged()}`)
  } catch (error) {
    await close()
    throw error
  }
  return { logged, close }
}
