import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { engineStatus, toBackendError } from './errors.ts'
import { withTag } from './images.ts'
import { bridgeName, objectNames } from './names.ts'
import { pullProgress } from './pull-progress.ts'
import { tarArchive } from './tar.ts'

const answer = (statusCode: number, words: string) =>
  Object.assign(new Error(`(HTTP code ${statusCode}) unexpected - ${words} `), { statusCode })

describe('what the engine says', () => {
  test.each([
    [404, 'No such container: x', 'not-found', false],
    [409, `task ${'0f'.repeat(32)}: already exists`, 'container-spoilt', true],
    [404, 'No such image: x:1', 'image-not-found', false],
    [403, 'Pool overlaps with other one on this address space', 'network-conflict', false],
    [403, 'Address already in use', 'network-conflict', false],
    [400, 'Minimum memory limit allowed is 6MB', 'resources-refused', false],
    [
      400,
      'Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available',
      'resources-refused',
      false,
    ],
    [
      400,
      'OCI runtime create failed: exec: "/x": stat /x: no such file or directory: unknown',
      'container-invalid',
      false,
    ],
    [409, 'removal of container x is already in progress', 'engine-error', true],
    [500, 'write /var/lib/docker/x: no space left on device', 'engine-error', true],
  ])('%i %s', (status, words, code, retry) => {
    const error = toBackendError(answer(status, words), 'doing it')
    expect(error).toMatchObject({ code, retry })
    expect(error.message).toContain(words.trim())
    expect(error.message).not.toContain('HTTP code')
    expect(engineStatus(error)).toBe(status)
  })

  test.each(['ECONNREFUSED', 'ENOENT', 'EACCES', 'ECONNRESET', 'EPIPE'])('%s: unavailable', (code) => {
    const error = toBackendError(Object.assign(new Error(`connect ${code} /x`), { code }), 'doing it')
    expect(error).toMatchObject({ code: 'engine-unavailable', retry: true })
  })
})

test('a reference without a tag means latest, not every tag', () => {
  expect(['a', 'host:5000/a/b', 'a:1', 'host:5000/a:1', `a@sha256:${'0'.repeat(64)}`].map(withTag)).toEqual([
    ...['a:latest', 'host:5000/a/b:latest', 'a:1', 'host:5000/a:1', `a@sha256:${'0'.repeat(64)}`],
  ])
})

test('names are of this installation and this agent, the bridge fits an interface', () => {
  const names = objectNames('f1f2f3f4-aaaa-4000-8000-000000000000', '22222222-0000-4000-8000-000000000000')
  expect(names.network).toBe('nora-f1f2f3f4-net-22222222-0000-4000-8000-000000000000')
  const agent = {
    installation: 'f1f2f3f4-aaaa-4000-8000-000000000000',
    agentId: '22222222-0000-4000-8000-000000000000',
  }
  const other = { ...agent, installation: 'f1f2f3f4-bbbb-4000-8000-000000000000' }
  const bridge = bridgeName(agent, '10.0.0.16/29')
  expect(bridge).toMatch(/^nr-[0-9a-f]{12}$/)
  expect(bridgeName(agent, '10.0.0.16/29')).toBe(bridge)
  expect([bridgeName(other, '10.0.0.16/29'), bridgeName(agent, '10.0.0.24/29')]).not.toContain(bridge)
})

test('a pull tells of its layers once a second, and of its error', () => {
  let now = 0
  const progress = pullProgress('a:1', () => now)
  const line = (event: object) => Buffer.from(`${JSON.stringify(event)}\n`)
  const layer = (id: string, status: string, current = 0, total = 0) =>
    line({ id, status, progressDetail: { current, total } })
  progress.read(layer('1', 'Pulling from library/a'))
  progress.read(layer('l1', 'Downloading', 5e6, 10e6))
  now = 1000
  expect(progress.read(layer('l2', 'Downloading', 1e6, 30e6))).toEqual([
    { text: 'pulling a:1: 0 of 2 layers, 6 of 40 MB' },
  ])
  expect(progress.read(layer('l1', 'Pull complete'))).toEqual([])
  now = 2000
  expect(progress.read(layer('l2', 'Downloading', 2e6, 30e6))).toEqual([
    { text: 'pulling a:1: 1 of 2 layers, 12 of 40 MB' },
  ])
  const error = line({ error: 'x', errorDetail: { message: 'manifest unknown' } })
  expect(progress.read(error.subarray(0, 9))).toEqual([])
  expect(progress.read(error.subarray(9))).toEqual([{ error: 'manifest unknown' }])
})

test('an archive that tar reads, with owners and modes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nora-test-'))
  try {
    const path = join(folder, 'a.tar')
    writeFileSync(
      path,
      tarArchive([
        { name: 'state', folder: true, mode: 0o755, uid: 10_001, gid: 10_002 },
        { name: 'key', content: Buffer.alloc(513, 'k'), mode: 0o400, uid: 10_001, gid: 10_001 },
        { name: 'empty', mode: 0o400, uid: 1, gid: 1 },
      ]),
    )
    const lines = execFileSync('tar', ['--numeric-owner', '-tvf', path], { encoding: 'utf8' })
    expect(lines.replaceAll(/ +/g, ' ').replaceAll(/ [\d-]{10} [\d:]{5}/g, '')).toBe(
      'drwxr-xr-x 10001/10002 0 state/\n-r-------- 10001/10001 513 key\n-r-------- 1/1 0 empty\n',
    )
    const key = execFileSync('tar', ['-xOf', path, 'key'])
    expect(key.equals(Buffer.alloc(513, 'k'))).toBe(true)
  } finally {
    rmSync(folder, { recursive: true })
  }
  expect(() => tarArchive([{ name: 'x'.repeat(101), mode: 0, uid: 0, gid: 0 }])).toThrow(RangeError)
})
