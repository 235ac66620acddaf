import { fc, hostileText, readingOf } from '@nora/testing/fuzz'
import { describe, expect, test } from 'vitest'
import { agentAddressPolicy, parsePool, peerPolicy } from './addresses.ts'
import { isPlainPath, parseTarget } from './agent-path.ts'
import { readSettings } from './settings.ts'

const segment = fc.oneof(
  fc.constantFrom(
    '..',
    '.',
    '%2e%2e',
    '%252e.',
    '..;x',
    '%2f',
    '\\',
    '%5c',
    '%00',
    '',
    'v1',
    '@',
    'http:',
    '%',
  ),
  fc.webSegment(),
)
const path = fc
  .tuple(fc.array(segment, { maxLength: 5 }), fc.webQueryParameters())
  .map(([parts, query]) => `/${parts.join('/')}?${query}`)
const target = fc.tuple(fc.uuid(), path).map(([id, rest]) => `/agents/${id}${rest}`)

describe('the path of an agent', () => {
  test('is passed on byte for byte or not at all', () => {
    fc.assert(
      fc.property(hostileText(target), (text) => {
        const read = readingOf(() => parseTarget(text))
        if (!read) return
        const rest = text.slice('/agents/'.length + read.agentId.length)
        expect([rest, `/${rest}`]).toContain(read.path)
      }),
    )
  })
  test('stays where it is, however often a server decodes it and whoever resolves it', () => {
    fc.assert(
      fc.property(hostileText(path), (text) => {
        if (!readingOf(() => isPlainPath(text))) return
        const seen = new URL(text, 'http://agent.test')
        expect(seen.host).toBe('agent.test')
        let decoded = text.split('?')[0]!
        for (let turn = 0; turn < 4; turn++) {
          expect(decoded.split(/[/\\]/)).not.toContain('..')
          try {
            decoded = decodeURIComponent(decoded)
          } catch {
            return // no server decodes it further
          }
        }
      }),
    )
  })
})

describe('an address', () => {
  const pool = parsePool('10.214.0.0/16')
  const near = fc.tuple(fc.nat(255), fc.nat(255)).map(([a, b]) => `10.214.${a}.${b}`)

  test('is an agent’s at the fourth place of its eight, and nowhere else', () => {
    fc.assert(
      fc.property(hostileText(near, fc.ipV4(), fc.ipV4Extended(), fc.ipV6()), (text) => {
        const refusal = readingOf(() => agentAddressPolicy(pool)(text))
        const [, high, low] = /^10\.214\.(\d+)\.(\d+)$/.exec(text) ?? []
        const canonical = high !== undefined && text === `10.214.${Number(high)}.${Number(low)}`
        const place = Number(high) * 256 + Number(low)
        const agents = canonical && Number(high) < 256 && Number(low) < 256 && place >= 16 && place % 8 === 3
        expect(refusal === null).toBe(agents)
      }),
    )
  })
  test('of an agent is none that may call us', () => {
    fc.assert(
      fc.property(hostileText(near), (text) => {
        if (agentAddressPolicy(pool)(text) === null) expect(peerPolicy(pool)(text)).toBe(false)
        expect(typeof readingOf(() => peerPolicy(pool)(text))).toBe('boolean')
      }),
    )
  })
  test('pool is a private network or a RangeError', () => {
    const block = fc.tuple(fc.ipV4(), fc.nat(40)).map(([ip, bits]) => `${ip}/${bits}`)
    fc.assert(
      fc.property(hostileText(block, fc.constant('10.0.0.0/8')), (text) => {
        readingOf(
          () => parsePool(text),
          (error) => error instanceof RangeError,
        )
      }),
    )
  })
})

test('settings are whole or every problem of theirs is told', () => {
  const names = [
    'GATEWAY_CONTROL_ADDRESS',
    'GATEWAY_CAPABILITY_PUBLIC_KEY',
    'GATEWAY_CONTROL_PUBLIC_KEY',
    'GATEWAY_AGENT_POOL',
  ]
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), hostileText(fc.ipV4())), (env) => {
      const read = readingOf(() => readSettings(env))
      expect('problems' in read! ? read.problems.length : 1).toBeGreaterThan(0)
    }),
  )
})
