import { text } from 'node:stream/consumers'
import Docker from 'dockerode'
import type { Target } from '../../backend.ts'
import { dockerBackend } from '../backend.ts'

// A process of its own, so that it can be run by a user without rights: facts on stdin, what happened on stdout.
type Facts = { target: Target; pool: string; keysDir: string; dataDir: string; socketPath?: string }

const {
  target,
  socketPath = '/var/run/docker.sock',
  ...facts
} = JSON.parse(await text(process.stdin)) as Facts
const docker = new Docker({ socketPath })
const log = { info: () => undefined, warn: () => undefined }
const backend = dockerBackend({ docker, installation: target.installation, ...facts, log })
const signal = AbortSignal.timeout(150_000)

await backend.ensureNetwork(target, signal)
const { diskEnforced } = await backend.ensureStorage(target, signal)
await backend.writeSecrets(target, [{ name: 'key', content: Buffer.from('old\n') }], signal)
await backend.writeSecrets(target, [{ name: 'key', content: Buffer.from('top secret\n') }], signal)
const { containerId } = await backend.ensureContainer(target, signal)
await backend.start(target, signal)
let output = ''
for await (const frames of backend.logs(containerId, undefined, signal)) {
  for (const frame of frames) output += `${frame.text}\n`
}
await backend.removeContainer(target, signal)
await backend.removeSecrets(target, signal)
process.stdout.write(JSON.stringify({ diskEnforced, output }))
