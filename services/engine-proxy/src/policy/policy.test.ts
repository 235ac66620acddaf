import { namesIn, objectNames, label as workersLabel } from '@nora/worker/backends/docker/names'
import { tarArchive } from '@nora/worker/backends/docker/tar'
import { controlNetworkSpec } from '@nora/worker/gateway/gateway-spec'
import { describe, expect, test } from 'vitest'
import { agentCreation, gatewayCreation, sample } from '../testing/specs.ts'
import { judgeArchive } from './archive.ts'
import { judgeContainer } from './containers.ts'
import { spokenLabel } from './labels.ts'
import { judgeNetwork } from './networks.ts'
import { label, namesOf } from './ours.ts'

describe('what the worker really sends passes', () => {
  test('names and labels are the worker’s own', () => {
    const { ours, target } = sample()
    expect(label).toMatchObject(workersLabel)
    expect(namesOf(ours, target.agentId)).toEqual(objectNames(target.installation, target.agentId))
    expect(namesIn(target.installation).container('x')).toBe(namesOf(ours, 'x').container)
  })

  test('an agent, with and without state, command and volumes of its image', () => {
    const { ours, target, keysDir } = sample()
    const names = namesOf(ours, target.agentId)
    const { statePath: _, ...stateless } = target
    const variants = [
      target,
      { ...target, command: [] },
      { ...target, env: {} },
      { ...target, generation: 99 },
    ]
    const labels = { 'traefik.enable': 'true', 'com.nora.installation': 'another', ['x'.repeat(256)]: 'x' }
    for (const one of variants) {
      const { name, body } = agentCreation(one, keysDir, { volumes: ['/data', '/var/lib/x/'], labels })
      expect(judgeContainer(ours, name, body)).toEqual({
        ...{ network: names.network, mountsKeys: true, gatewayImage: undefined },
        silences: { image: body.Image, labels: body.Labels },
        volume: { name: names.volume, must: 'be-ours-or-absent' },
      })
    }
    const { name, body } = agentCreation(stateless, keysDir)
    expect(judgeContainer(ours, name, body)).toMatchObject({ volume: undefined })
  })

  test('a label that says nothing passes, whatever its name, and one that an image has is missed', () => {
    const { ours, target, keysDir } = sample()
    const labels = { constructor: 'x', ['__proto__']: 'x', '': 'x' }
    const { name, body } = agentCreation(target, keysDir, { labels })
    const allowed = judgeContainer(ours, name, body)
    if ('refused' in allowed) throw new Error(allowed.refused)
    const silenced = allowed.silences?.labels ?? {}
    expect(spokenLabel(labels, silenced)).toBeUndefined()
    const unsilenced = agentCreation(target, keysDir).body.Labels
    for (const [one, value] of Object.entries(labels))
      expect(spokenLabel(Object.fromEntries([[one, value]]), unsilenced)).toBe(one)
    body.Labels['x'.repeat(257)] = ''
    expect(judgeContainer(ours, name, body)).toEqual({ refused: expect.stringContaining('is not allowed') })
  })

  test('IPv6 is off in agents and gateways, and left out where this kernel has none: not the one in the place of the other', () => {
    const facts = sample()
    for (const sent of [true, false]) {
      const agent = agentCreation(facts.target, facts.keysDir, {}, sent)
      const gateway = gatewayCreation(facts, {}, sent)
      for (const { name, body } of [agent, gateway]) {
        expect(judgeContainer(facts.ours, name, body, sent)).not.toHaveProperty('refused')
        expect(judgeContainer(facts.ours, name, body, !sent)).toEqual({
          refused: expect.stringMatching(/^HostConfig\.Sysctls must be \{/),
        })
      }
    }
  })

  test('gateways, published or dialled on their network, and that network', () => {
    const facts = sample()
    const two = `${'A'.repeat(43)},${'B'.repeat(43)}`
    for (const over of [{}, { dial: 'network' as const }, { index: 10 }, { capabilityPublicKey: two }]) {
      const { name, body } = gatewayCreation(facts, over)
      expect(judgeContainer(facts.ours, name, body)).toMatchObject({
        network: `${facts.ours.prefix}-00-control`,
        gatewayImage: `sha256:${'a'.repeat(64)}`,
      })
    }
    const network = JSON.parse(JSON.stringify(controlNetworkSpec(facts.installation, facts.pool)))
    expect(judgeNetwork(facts.ours, network)).toBeUndefined()
  })
})

describe('an archive', () => {
  const entry = { name: '.a1.new', mode: 0o400, uid: 10_001, gid: 10_001, content: Buffer.from('key') }
  const folder = { name: 'state', folder: true, mode: 0o755, uid: 10_001, gid: 10_001 }

  test('of plain files and folders passes', () => {
    expect(
      judgeArchive(tarArchive([entry, { ...entry, name: 'b', content: Buffer.alloc(1_000, 7) }])),
    ).toBeUndefined()
    expect(judgeArchive(tarArchive([folder]))).toBeUndefined()
    expect(judgeArchive(tarArchive([]))).toBeUndefined()
  })

  const bent = (bend: (archive: Buffer) => void): Buffer => {
    const archive = tarArchive([entry])
    bend(archive)
    archive.write('        ', 148, 'latin1')
    const sum = archive.subarray(0, 512).reduce((all, byte) => all + byte, 0)
    archive.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
    return archive
  }
  const type = (flag: string) => bent((archive) => void archive.write(flag, 156, 'latin1'))

  test.each<[string, Buffer]>([
    ['a hard link', type('1')],
    ['a symbolic link', type('2')],
    ['a character device', type('3')],
    ['a block device', type('4')],
    ['a fifo', type('6')],
    ['an extended header', type('x')],
    ['a global header', type('g')],
    ['a long name of GNU', type('L')],
    ['an old file', type('\0')],
    ['a setuid file', tarArchive([{ ...entry, mode: 0o4755 }])],
    ['a file of root', tarArchive([{ ...entry, uid: 0 }])],
    ['a file of the group root', tarArchive([{ ...entry, gid: 0 }])],
    ['a path', tarArchive([{ ...entry, name: '../../etc/passwd' }])],
    ['an absolute path', tarArchive([{ ...entry, name: '/etc/passwd' }])],
    ['the folder above', tarArchive([{ ...folder, name: '..' }])],
    ['a prefix', bent((archive) => void archive.write('etc', 345, 'latin1'))],
    ['a link’s name', bent((archive) => void archive.write('/etc/passwd', 157, 'latin1'))],
    ['a number in base 256', bent((archive) => void archive.writeUInt8(0x80, 108))],
    ['a number with spaces', bent((archive) => void archive.write('   777 \0', 100, 'latin1'))],
    ['the dialect of star', bent((archive) => void archive.write('tar\0', 508, 'latin1'))],
    ['the dialect of GNU', bent((archive) => void archive.write('ustar  \0', 257, 'latin1'))],
    ['a wrong checksum', Buffer.concat([Buffer.from('x'), tarArchive([entry]).subarray(1)])],
    ['bytes in the padding', bent((archive) => void archive.write('x', 512 + 100, 'latin1'))],
    ['a second archive behind', Buffer.concat([tarArchive([entry]), tarArchive([entry])])],
    ['no end', tarArchive([entry]).subarray(0, 1024)],
    ['half a block', tarArchive([entry]).subarray(0, 700)],
    ['compressed bytes', Buffer.from('1f8b0800', 'hex')],
  ])('with %s does not', (_, archive) => {
    expect(judgeArchive(archive)).toEqual(expect.any(String))
  })
})
