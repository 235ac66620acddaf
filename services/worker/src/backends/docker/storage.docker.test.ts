import { execFileSync } from 'node:child_process'
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Target } from '../backend.ts'
import { allFrames, deploy, ended, removeAll, soon, textOf } from '../testing/agent.ts'
import { dockerBackend } from './backend.ts'
import { createDisks } from './disks.ts'
import { type DockerFixture, dockerFixture } from './testing/docker-fixture.ts'

const sh = (script: string) => ({ command: ['/bin/sh', '-c', script] })
const losetup = '/usr/sbin/losetup'
const isRoot = process.getuid?.() === 0

describe('disks and folders of the host', () => {
  let fixture: DockerFixture
  beforeAll(async () => {
    fixture = await dockerFixture()
  })
  afterAll(() => fixture?.close())

  async function run(target: Target): Promise<string> {
    const { backend } = fixture
    const { containerId } = await deploy(backend, target)
    await ended(backend, target)
    return textOf(await allFrames(backend, containerId))
  }

  test.runIf(isRoot)('a loop device with another number after a restart of the machine', async () => {
    const { backend, dataDir } = fixture
    const target = fixture.target(sh('cat /state/mine 2>/dev/null; echo kept > /state/mine'))
    const link = join(dataDir, 'disks', `${target.agentId}.device`)
    const stranger = join(dataDir, 'stranger.img')
    writeFileSync(stranger, Buffer.alloc(1024 * 1024))
    let taken = ''
    try {
      expect(await run(target)).toBe('')
      // As after a restart: nothing is attached, and the number that we wrote down is of somebody else's file. It gets one that is
      // free: ours would be taken by whichever test asks for a device first.
      execFileSync(losetup, ['--detach', readlinkSync(link)])
      taken = execFileSync(losetup, ['--find', '--show', stranger], { encoding: 'utf8' }).trim()
      unlinkSync(link)
      symlinkSync(taken, link)
      expect((await backend.observe(target, soon())).storage).toBe('absent')
      await backend.start(target, soon())
      await ended(backend, target)
      const output = textOf(await allFrames(backend, (await listed(target)).containerId))
      expect(output).toBe('kept\n')
      expect(readlinkSync(link)).not.toBe(taken)
      expect((await backend.observe(target, soon())).storage).toBe('present')
      expect(readFileSync(stranger).every((byte) => byte === 0)).toBe(true)
    } finally {
      if (taken) execFileSync(losetup, ['--detach', taken])
      await removeAll(backend, target)
    }
  })

  const listed = async (target: Target) =>
    (await fixture.backend.list(soon())).find((one) => one.agentId === target.agentId)!

  test.runIf(isRoot)('grows with a redeploy, keeps what is in it, and never shrinks', async () => {
    const { backend } = fixture
    const target = fixture.target(
      sh('df -k /state | tail -n 1; cat /state/* 2>/dev/null; echo old > /state/a'),
    )
    const sized = (diskMb: number): Target => ({ ...target, resources: { ...target.resources, diskMb } })
    const available = (output: string) => Number(output.split(/\s+/)[1])
    try {
      const before = available(await run(sized(32)))
      await backend.removeContainer(target, soon())
      const output = await run(sized(96))
      expect(available(output)).toBeGreaterThan(before * 2)
      expect(output).toContain('old')
      await backend.removeContainer(target, soon())
      await expect(backend.ensureStorage(sized(64), soon())).rejects.toMatchObject({
        code: 'resources-refused',
        retry: false,
        message: expect.stringContaining('96 MB and cannot shrink to 64 MB'),
      })
    } finally {
      await removeAll(backend, target)
    }
  })

  test.runIf(isRoot)(
    'a sparse file takes only what is written, and nothing stays of a removed agent',
    async () => {
      const { backend, dataDir } = fixture
      const target = fixture.target({ resources: { cpus: 1, memoryMb: 64, diskMb: 1024, pids: 32 } })
      const file = join(dataDir, 'disks', `${target.agentId}.ext4`)
      try {
        expect(await backend.ensureStorage(target, soon())).toEqual({ diskEnforced: true })
        const { size, blocks, mode } = statSync(file)
        expect(size).toBe(1024 ** 3)
        expect(blocks * 512).toBeLessThan(64 * 1024 ** 2)
        expect(mode & 0o777).toBe(0o600)
      } finally {
        await removeAll(backend, target)
      }
      expect(execFileSync(losetup, ['--list', '--noheadings'], { encoding: 'utf8' })).not.toContain(file)
      expect(() => statSync(file)).toThrow('ENOENT')
    },
  )

  test.runIf(isRoot)('without root: keys and state belong to the agent all the same', async () => {
    const target = fixture.target(
      sh('stat -c "%a %u:%g" /run/nora/key /state; cat /run/nora/key; echo x > /state/x && cat /state/x'),
    )
    const { backend, keysDir, dataDir, pool } = fixture
    const facts = { target, pool, keysDir: `${keysDir}-user`, dataDir: `${dataDir}/user` }
    for (const folder of [facts.keysDir, facts.dataDir]) {
      mkdirSync(folder, { mode: 0o700 })
      chownSync(folder, 65_534, 65_534)
    }
    try {
      const said = JSON.parse(asNobody(JSON.stringify(facts))) as { diskEnforced: boolean; output: string }
      expect(said.diskEnforced).toBe(false)
      expect(said.output).toBe('400 10001:10001\n755 10001:10001\ntop secret\nx\n')
      // The key went with removeSecrets, which that user could do too.
      expect(() => statSync(join(facts.keysDir, target.agentId))).toThrow('ENOENT')
    } finally {
      await removeAll(backend, target)
    }
  })

  test.runIf(isRoot)('what a worker left that was killed while it tried loop devices goes', async () => {
    const dataDir = join(fixture.dataDir, 'killed')
    // No process has such a number: /proc/sys/kernel/pid_max is at most 2^22.
    const trial = join(dataDir, 'disks', 'probe-4194305.ext4')
    mkdirSync(join(dataDir, 'disks'), { recursive: true })
    writeFileSync(trial, Buffer.alloc(1024 * 1024))
    execFileSync(losetup, ['--find', trial])
    const attached = () => execFileSync(losetup, ['--associated', trial], { encoding: 'utf8' })
    expect(attached()).not.toBe('')
    expect(await createDisks(dataDir).available(soon())).toBe(true)
    expect([attached(), existsSync(trial)]).toEqual(['', false])
  })

  test('keys are refused on a disk', async () => {
    const { docker, installation, pool, dataDir } = fixture
    const log = { info: () => undefined, warn: () => undefined }
    const keysDir = join(dataDir, 'keys-on-disk')
    const backend = dockerBackend({ docker, installation, pool, keysDir, dataDir, log })
    const file = { name: 'key', content: Buffer.from('x') }
    await expect(backend.writeSecrets(fixture.target(), [file], soon())).rejects.toMatchObject({
      retry: false,
      message: expect.stringMatching(/on a disk.*NORA_KEYS_DIR/),
    })
  })
})

/** Runs the backend as a user who may only speak to the engine. */
function asNobody(facts: string): string {
  const group = statSync('/var/run/docker.sock').gid
  const fixture = join(import.meta.dirname, 'testing', 'as-nobody.ts')
  const who = [
    '--reuid=65534',
    '--regid=65534',
    `--groups=${group}`,
    '--bounding-set=-all',
    '--inh-caps=-all',
  ]
  return execFileSync('/usr/bin/setpriv', [...who, process.execPath, fixture], {
    input: facts,
    encoding: 'utf8',
    timeout: 170_000,
    env: { PATH: process.env['PATH'] ?? '' },
  })
}
