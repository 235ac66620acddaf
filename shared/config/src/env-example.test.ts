import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { expect, test } from 'vitest'
import { loadApiConfig } from './api.ts'
import { loadEngineProxyConfig } from './engine-proxy.ts'
import { loadMigrateConfig } from './migrate.ts'
import { ConfigError } from './reader.ts'
import { variableNames, variables } from './variables.ts'
import { loadWorkerConfig } from './worker.ts'

const text = readFileSync(join(import.meta.dirname, '../../../.env.example'), 'utf8')
const example = parseEnv(text)

test('.env.example has every variable that is read, and no other', () => {
  expect(Object.keys(example).sort()).toEqual([...variableNames].sort())
})

test('.env.example says of each who reads it', () => {
  const said = Object.fromEntries(
    [...text.matchAll(/^# Read by: (.+)\n([A-Z_]+)=/gm)].map(([, readers, name]) => [name, readers]),
  )
  const expected = Object.entries(variables).map(([name, facts]) => [name, facts.readBy.join(', ')])
  expect(said).toEqual(Object.fromEntries(expected))
})

test.each([
  ['api', loadApiConfig],
  ['worker', loadWorkerConfig],
  ['migrate', loadMigrateConfig],
  ['engine-proxy', loadEngineProxyConfig],
])('.env.example copied as it is does not boot the %s, relaxed or not', (_name, load) => {
  for (const mode of ['production', 'development', 'test', undefined]) {
    const env = { ...example, NODE_ENV: mode }
    if (_name === 'migrate' && mode !== 'production' && mode !== undefined) continue // its values have no shape
    expect(() => load(env)).toThrow(ConfigError)
  }
})
