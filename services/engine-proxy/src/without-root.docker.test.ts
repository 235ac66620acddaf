import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { freePool } from '@nora/testing/address-pool'
import { assembleTinyImage } from '@nora/worker/images/tiny'
import Docker from 'dockerode'
import { afterEach, expect, test } from 'vitest'
import { label } from './policy/ours.ts'
import { sample } from './testing/specs.ts'
import { engineSocket, throughProxy } from './testing/through-proxy.ts'

const docker = new Docker({ socketPath: engineSocket })
const nobody = 65_534
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const asNobody = fileURLToPath(import.meta.resolve('@nora/worker/backends/docker/testing/as-nobody'))

// As in a container: a worker without rights, that may open the proxy's socket and nothing else of the engine.
test('a worker without rights runs an agent through it: keys and state are the agent’s, and the disk is not said to be limited', async () => {
  const installation = randomUUID()
  const folder = mkdtempSync('/dev/shm/nora-test-')
  closing.push(() => rmSync(folder, { recursive: true, force: true }))
  chmodSync(folder, 0o711)
  const image = await assembleTinyImage(docker, { name: 'backend', cmd: ['/bin/sh'] })
  const facts = sample({ installation, pool: freePool(), keysDir: join(folder, 'keys'), image })
  const way = await throughProxy({ ...facts, mountOptions: `nosymfollow,uid=${nobody},gid=${nobody}` })
  closing.push(() => way.close())
  closing.push(async () => {
    const filters = { label: [`${label.installation}=${installation}`] }
    for (const { Id } of await docker.listContainers({ all: true, filters }))
      await docker.getContainer(Id).remove({ force: true })
    for (const { Id } of await docker.listNetworks({ filters })) await docker.getNetwork(Id).remove()
    for (const { Name } of (await docker.listVolumes({ filters })).Volumes)
      await docker.getVolume(Name).remove()
  })
  chownSync(way.socketPath, 0, nobody)
  const script =
    'stat -c "%a %u:%g" /run/nora/key /state; cat /run/nora/key; echo x > /state/x && cat /state/x'
  const { target, pool, keysDir } = facts
  const input = JSON.stringify({
    ...{ pool, keysDir, dataDir: join(folder, 'none'), socketPath: way.socketPath },
    target: { ...target, command: ['/bin/sh', '-c', script] },
  })
  const who = [
    `--reuid=${nobody}`,
    `--regid=${nobody}`,
    '--clear-groups',
    '--bounding-set=-all',
    '--inh-caps=-all',
  ]
  const said = await run(who, input)
  expect(said).toEqual({ diskEnforced: false, output: '400 10001:10001\n755 10001:10001\ntop secret\nx\n' })
  expect(way.lines.filter((line) => line.includes('"refused"'))).toEqual([])
})

/** Its answer; the proxy is in this process, which has to go on meanwhile. */
async function run(who: string[], input: string): Promise<unknown> {
  const env = { PATH: process.env['PATH'] ?? '' }
  const child = spawn('/usr/bin/setpriv', [...who, process.execPath, asNobody], { env, timeout: 170_000 })
  child.stdin.end(input)
  const [said, complaint] = await Promise.all([text(child.stdout), text(child.stderr)])
  if (said === '') throw new Error(complaint)
  return JSON.parse(said)
}
