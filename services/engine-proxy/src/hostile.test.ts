import { fc, hostileBytes, hostileText, readingOf } from '@nora/testing/fuzz'
import { tarArchive } from '@nora/worker/backends/docker/tar'
import { expect, test } from 'vitest'
import { judgeArchive } from './policy/archive.ts'
import { judgeContainer } from './policy/containers.ts'
import { judgeNetwork } from './policy/networks.ts'
import { Refusal } from './refusal.ts'
import { judgeQuery, parseTarget } from './target.ts'
import { agentCreation, type Body, sample } from './testing/specs.ts'

const isRefusal = (error: unknown) => error instanceof Refusal

test('whatever a path is, what is left of it is plain', () => {
  const id = 'a'.repeat(64)
  const good = [
    `/containers/${id}/json`,
    '/v1.41/networks/x',
    '/images/a/b:c@sha256:d/json',
    '/containers/json?all=1',
  ]
  const odd = ['%2f', '%2e%2e', '..', '//', '\\', ';', '%00', '?', '#', '/v1.41', ' ', '\r\n'].map((one) =>
    fc.constant(one),
  )
  const parts = fc.array(fc.oneof(...good.map((one) => fc.constant(one)), ...odd), { maxLength: 5 })
  const texts = fc.oneof(
    hostileText(...good.map((one) => fc.constant(one))),
    parts.map((some) => some.join('')),
  )
  fc.assert(
    fc.property(texts, (url) => {
      const target = readingOf(() => parseTarget(url), isRefusal)
      if (!target) return
      expect(target.path).toMatch(/^(\/[A-Za-z0-9._~:@+-]+)+$/)
      expect(target.path.split('/')).not.toContain('..')
      const sent = readingOf(() => judgeQuery(target.query, { all: /^1$/ }), isRefusal)
      if (sent) expect(['', 'all=1']).toContain(String(sent))
    }),
  )
})

/** Every object and list in a body, with the key under which something may be put there. */
function places(value: unknown): { inside: Record<string, unknown>; key: string }[] {
  if (typeof value !== 'object' || value === null) return []
  const inside = value as Record<string, unknown>
  return Object.keys(inside).flatMap((key) => [{ inside, key }, ...places(inside[key])])
}

const recase = (name: string) => [
  name.toLowerCase(),
  name.toUpperCase(),
  `${name[0]?.toLowerCase()}${name.slice(1)}`,
]
const words = [
  'host',
  '/',
  '..',
  '0',
  'root',
  'ALL',
  'unconfined',
  '__proto__',
  'constructor',
  'Privileged',
  'Binds',
  'CapAdd',
  'Devices',
  'PidMode',
]
const value = fc.oneof(
  fc.constantFrom<unknown>(true, false, null, 0, -1, 1, '', [], {}, ['ALL'], ['/:/x'], 2 ** 60),
  fc.constantFrom(...words),
  fc.jsonValue({ maxDepth: 2 }),
  hostileText(),
)
const change = fc.record({
  at: fc.nat(),
  value,
  how: fc.constantFrom('set', 'delete', 'add', 'recase'),
  name: fc.oneof(fc.constantFrom(...words), hostileText()),
})

function bend(
  body: Body,
  { at, value: put, how, name }: { at: number; value: unknown; how: string; name: string },
) {
  const all = places(body)
  const place = all[at % all.length]
  if (!place) return
  const { inside, key } = place
  if (how === 'set') inside[key] = put
  if (how === 'delete') delete inside[key]
  if (how === 'add')
    Object.defineProperty(inside, name, { value: put, enumerable: true, configurable: true, writable: true })
  if (how === 'recase') inside[recase(key)[at % 3] ?? key] = put
}

test('no change of a body that passes takes anything of the posture away', () => {
  const { ours, target, keysDir } = sample()
  const own = agentCreation(target, keysDir)
  const fields = Object.keys(own.body.HostConfig).sort()
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const { name, body } = agentCreation(target, keysDir)
      for (const one of changes) bend(body, one)
      // As it comes over the wire, and as it goes on.
      const sent = JSON.parse(JSON.stringify(body)) as Body
      const verdict = readingOf(() => judgeContainer(ours, name, sent))
      if (verdict && 'refused' in verdict) {
        expect(verdict.refused).not.toBe('')
        return
      }
      const { HostConfig: host } = sent
      expect(Object.keys(host).sort()).toEqual(fields)
      expect(Object.keys(sent).filter((key) => !Object.hasOwn(own.body, key))).toEqual([])
      expect(host).toMatchObject({
        Privileged: false,
        CapDrop: ['ALL'],
        CapAdd: [],
        ReadonlyRootfs: true,
        Devices: [],
        PortBindings: {},
      })
      expect(host.SecurityOpt).toEqual(['no-new-privileges:true'])
      expect(host.NetworkMode).toBe(own.body.HostConfig.NetworkMode)
      expect(host.Mounts.map((mount: Body) => mount.Source)).toEqual(
        own.body.HostConfig.Mounts.slice(0, host.Mounts.length).map((mount: Body) => mount.Source),
      )
      const speaking = Object.keys(sent.Labels).filter((one) => sent.Labels[one] !== '')
      expect(Object.keys(own.body.Labels)).toEqual(expect.arrayContaining(speaking))
      expect(sent.User).toBe('10001:10001')
    }),
  )
})

test('bodies and archives of any kind are read in time and refused in words', () => {
  const { ours } = sample()
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue({ maxDepth: 4 }), hostileText()), (body) => {
      expect(readingOf(() => judgeContainer(ours, 'x', body))).toHaveProperty('refused')
      expect(readingOf(() => judgeNetwork(ours, body))).toEqual(expect.any(String))
    }),
  )
  const whole = tarArchive([{ name: 'a', mode: 0o400, uid: 1, gid: 1, content: Buffer.from('x') }])
  const spoiled = fc.tuple(fc.nat(whole.length - 1), fc.nat(255)).map(([at, byte]) => {
    const archive = Buffer.from(whole)
    archive[at] = byte
    return archive
  })
  fc.assert(
    fc.property(fc.oneof(hostileBytes, spoiled), (archive) => {
      const problem = readingOf(() => judgeArchive(archive))
      // One byte may differ where it says nothing: in the content.
      if (problem === undefined)
        expect(
          archive.subarray(0, 512).equals(whole.subarray(0, 512)) || archive.every((byte) => byte === 0),
        ).toBe(true)
    }),
  )
})
