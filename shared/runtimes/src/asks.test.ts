import { expect, test } from 'vitest'
import { runtimeNamed, runtimeNames } from './catalog.ts'
import type { AgentSpec } from './runtime.ts'

const filled = { image: 'ghcr.io/you/agent:1.0', command: ['./run'], port: 3000 }
const left = { image: null, command: [], port: null }
const fields = ['image', 'command', 'port'] as const

test.each(runtimeNames)(
  'what %s says that it asks for is what it misses, and the rest is refused',
  (name) => {
    const { asks, defaults, validate } = runtimeNamed(name)!
    const good: AgentSpec = {
      id: '22222222-2222-4222-8222-222222222222',
      name: 'a',
      runtime: name,
      ...left,
      ...Object.fromEntries(
        fields.flatMap((field) => (asks[field] === 'no' ? [] : [[field, filled[field]]])),
      ),
      env: {},
      config: {},
      resources: defaults,
      providerKeyIds: [],
    }
    const wrong = (more: Partial<AgentSpec>) => validate({ ...good, ...more }).map(({ path }) => path)
    expect(wrong({})).toEqual([])
    for (const field of fields) {
      const said = { filled: wrong({ [field]: filled[field] }), left: wrong({ [field]: left[field] }) }
      expect([field, said]).toEqual([
        field,
        {
          filled: asks[field] === 'no' ? [`/${field}`] : [],
          left: asks[field] === 'required' ? [`/${field}`] : [],
        },
      ])
    }
  },
)
