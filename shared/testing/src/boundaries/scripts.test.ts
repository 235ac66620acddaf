import { execFileSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../../../', import.meta.url))
const scripts = globSync(['setup.sh', '.ci/run', '{infra,e2e}/**/*.sh', 'infra/images/{answers,guarding}'], {
  cwd: root,
})

test('there are scripts to look at', () => {
  expect(scripts).toEqual(expect.arrayContaining(['setup.sh', 'infra/lib.sh', 'infra/images/base.sh']))
})

test.each(scripts)('%s can be read by bash', (path) => {
  execFileSync('bash', ['-n', path], { cwd: root })
})
