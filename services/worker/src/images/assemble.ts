import type Docker from 'dockerode'
import { nodeBaseFiles } from './base.ts'
import { type AssembledImage, assemble, type Recipe } from './build.ts'
import { type ImageFile, sources } from './content.ts'

export type OwnImage = 'gateway' | 'starter-agent'

const link = (name: string, target: string): ImageFile => ({
  path: `/app/node_modules/${name}`,
  link: target,
  mode: 0o777,
})

async function packaged(
  folder: string,
  wanted: (path: string) => boolean = () => true,
): Promise<ImageFile[]> {
  return (await sources(folder)).filter(({ path }) => wanted(path))
}

// Our own packages lie beside the services and are linked from node_modules: Node strips types of the real path only
// outside node_modules.
const contents: Record<OwnImage, () => Promise<ImageFile[]>> = {
  gateway: async () => [
    ...(await packaged('services/gateway')),
    ...(await packaged('shared/crypto', (path) => /\/(?:package\.json|src\/capability\.ts)$/.test(path))),
    ...(await packaged('node_modules/ipaddr.js', (path) =>
      /\/(?:package\.json|LICENSE|lib\/ipaddr\.js)$/.test(path),
    )),
    link('@nora/crypto', '../../shared/crypto'),
  ],
  'starter-agent': async () => [
    ...(await packaged('services/starter-agent')),
    { path: '/data', folder: true, owned: true, mode: 0o755 },
  ],
}

const instructions: Record<OwnImage, string> = {
  gateway: '',
  // A volume mounted here takes over the owner of the folder it covers.
  'starter-agent': 'COPY --chown=10001:10001 own/ /\n',
}

const command = (name: OwnImage) =>
  JSON.stringify([
    '/bin/node',
    '--disable-sigusr1',
    '--max-old-space-size=128',
    `/app/services/${name}/src/main.ts`,
  ])

const underWay = new WeakMap<Docker, Map<OwnImage, Promise<AssembledImage>>>()

/**
 * Makes sure that the engine holds the image of this version of the service, building it from this machine's Node and
 * our sources when it does not; no registry is asked. Gives its reference, which names the content. Callers at the same
 * time share one build; `signal` ends the caller's wait, the build has its own deadline.
 */
export async function assembleImage(
  docker: Docker,
  name: OwnImage,
  signal: AbortSignal,
): Promise<AssembledImage> {
  signal.throwIfAborted()
  const builds = underWay.get(docker) ?? new Map<OwnImage, Promise<AssembledImage>>()
  underWay.set(docker, builds)
  let build = builds.get(name)
  if (!build) {
    build = buildOwn(docker, name, AbortSignal.timeout(300_000)).finally(() => builds.delete(name))
    builds.set(name, build)
  }
  return abortable(build, signal)
}

async function buildOwn(docker: Docker, name: OwnImage, signal: AbortSignal): Promise<AssembledImage> {
  const base: Recipe = {
    name: 'base',
    files: await nodeBaseFiles(signal),
    dockerfile:
      'FROM scratch\nCOPY root/ /\nENV PATH=/bin NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt\n',
  }
  const { reference } = await assemble(docker, base, signal)
  const dockerfile =
    `FROM ${reference}\nCOPY root/ /\n${instructions[name]}` +
    `WORKDIR /tmp\nUSER 10001:10001\nSTOPSIGNAL SIGTERM\nCMD ${command(name)}\n`
  return assemble(docker, { name, files: await contents[name](), dockerfile }, signal)
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
