import { fc, hostileText, readingOf } from '@nora/testing/fuzz'
import { expect, test } from 'vitest'
import { image } from './image.ts'
import type { AgentSpec } from './runtime.ts'
import { starter } from './starter.ts'

const name = fc.stringMatching(/^[a-z0-9]{1,8}([._-]{1,2}[a-z0-9]{1,8}){0,2}$/)
const reference = fc
  .tuple(
    fc.option(
      fc.tuple(fc.domain(), fc.nat(70_000)).map(([host, port]) => `${host}:${port}/`),
      { nil: '' },
    ),
    fc.array(name, { minLength: 1, maxLength: 3 }),
    fc.constantFrom(
      '',
      ':latest',
      ':1.0',
      '@sha256:'.padEnd(72, 'a'),
      ':',
      '@',
      ':..',
      ' --privileged',
      '\n',
    ),
  )
  .map(([host, parts, end]) => `${host}${parts.join('/')}${end}`)
const spec = (over: Partial<AgentSpec>): AgentSpec => ({
  id: '00000000-0000-4000-8000-000000000000',
  name: 'a',
  runtime: 'image',
  image: 'team/agent:1',
  command: [],
  port: null,
  env: {},
  config: {},
  resources: { cpus: 1, memoryMb: 64, diskMb: 64, pids: 16 },
  providerKeyIds: [],
  ...over,
})

test('an image reference is printable, begins with a letter or digit, and goes nowhere else', () => {
  fc.assert(
    fc.property(hostileText(reference), (text) => {
      const refused = readingOf(() => image.validate(spec({ image: text })))!.length > 0
      if (refused) return
      expect(text.length).toBeLessThanOrEqual(512)
      expect(text).toMatch(/^[A-Za-z0-9][A-Za-z0-9._/:@-]*$/)
      expect(text).not.toMatch(/\/\/|\.\./)
    }),
  )
})

const json = fc.oneof(fc.jsonValue(), hostileText(fc.constantFrom('/data', '/proc', '/healthz', '/a/../b')))
const names = [
  'probePath',
  'startSeconds',
  'statePath',
  'keyEnv',
  'keyFiles',
  '__proto__',
  'constructor',
  'x',
]
const config = fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string()), json, { maxKeys: 6 })
const words = fc.dictionary(hostileText(fc.constantFrom('PATH', 'A', '__proto__')), hostileText(), {
  maxKeys: 4,
})

test.each([image, starter])(
  'the $name runtime judges any spec, and what it accepts it can start',
  (runtime) => {
    const asked = fc.record({
      config,
      env: words,
      command: fc.array(hostileText(), { maxLength: 3 }),
      port: fc.option(fc.integer({ min: 1, max: 65_535 })),
    })
    fc.assert(
      fc.property(asked, (over) => {
        const whole = spec(over)
        const errors = readingOf(() => runtime.validate(whole))!
        for (const { path } of errors) expect(path).toMatch(/^\//)
        if (errors.length > 0) return
        const state = readingOf(() => runtime.state(whole))
        if (state) expect(state.path).toMatch(/^(\/[A-Za-z0-9._-]+)+$/)
        const probe = readingOf(() => runtime.probe(whole))
        if (probe) expect(new URL(probe.path, 'http://agent.test').host).toBe('agent.test')
        const { env, command } = readingOf(() => runtime.process(whole))!
        for (const text of [...command, ...Object.keys(env), ...Object.values(env)])
          expect(text).not.toContain('\0')
      }),
    )
  },
)
