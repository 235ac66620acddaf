import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tempFolder } from '@nora/testing/temp-folder'
import { expect, test } from 'vitest'

const script = fileURLToPath(new URL('../../../setup.sh', import.meta.url))

/** setup.sh's own function, on one file. */
function makeSecret(config: string): string {
  const take = `eval "$(sed -n '/^secret() {/,/^}/p' "$1")"; note() { :; }; config=$2; secret worker ENCRYPTION_KEY made`
  execFileSync('bash', ['-euc', take, 'bash', script, config])
  return readFileSync(join(config, 'worker.env'), 'utf8')
}

test.each([
  'ENCRYPTION_KEY=mine',
  'export ENCRYPTION_KEY=mine',
  '  ENCRYPTION_KEY = mine',
  'ENCRYPTION_KEY_FILE=/a',
])('a key that is there as `%s` gets no other behind it, which would win', async (line) => {
  const config = await tempFolder('nora-secret-')
  writeFileSync(join(config, 'worker.env'), `${line}\n`)
  expect(makeSecret(config)).toBe(`${line}\n`)
})

test.each(['ENCRYPTION_KEY=', '# ENCRYPTION_KEY=old', 'ENCRYPTION_KEYS_PREVIOUS=1:retired'])(
  'after `%s` there is none yet',
  async (line) => {
    const config = await tempFolder('nora-secret-')
    writeFileSync(join(config, 'worker.env'), `${line}\n`)
    expect(makeSecret(config)).toBe(`${line}\nENCRYPTION_KEY=made\n`)
  },
)

test('nor is it glued to a last line without an end', async () => {
  const config = await tempFolder('nora-secret-')
  writeFileSync(join(config, 'worker.env'), 'NORA_LOG_LEVEL=info')
  expect(makeSecret(config)).toBe('NORA_LOG_LEVEL=info\nENCRYPTION_KEY=made\n')
})
