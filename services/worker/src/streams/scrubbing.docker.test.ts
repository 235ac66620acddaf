import { testDatabase } from '@nora/testing/postgres'
import { waitUntil } from '@nora/testing/wait-until'
import { beforeEach, expect, test } from 'vitest'
import { ensureKeyFolder } from '../backends/docker/key-files.ts'
import { deliverKeys } from '../secrets/deliver-keys.ts'
import { attach, finish, keyring, leased, storeKey, targetOf } from '../secrets/testing/arrange.ts'
import { logBench, quiet, textOf } from './testing/log-bench.ts'

const database = testDatabase()
const bench = logBench(database)
let agentId: string
let folder: string

beforeEach(async () => {
  agentId = await bench.agentOf(null)
  folder = await ensureKeyFolder(bench.keysDir, agentId)
})

async function deliver(): Promise<void> {
  const actor = await leased(database, bench.alice, { agent: agentId })
  const deps = { db: database.worker, log: quiet, keyring, backend: bench.backend }
  await deliverKeys(deps, actor, targetOf(bench.alice, agentId), AbortSignal.timeout(90_000))
  await finish(database, actor)
}

const binds = () => [`${folder}:/run/nora:ro`]
const everything = async () => (await bench.stored(agentId)).map(textOf).join('\n')
const seen = (text: string) =>
  waitUntil(`"${text}" in the log`, async () => (await everything()).includes(text), { deadlineMs: 60_000 })

// No shape, no name beside it: only knowing the key itself finds these.
const first = 'Zq7Plum4Tambourine2Walrus9'
const second = 'Kj3Velvet8Monsoon5Harpoon1'

test('an agent that prints its keys the moment it gets them never gets one stored, old or new', async () => {
  const id = await storeKey(database, bench.alice, { apiKey: first, model: 'gpt-visible' })
  await attach(database, bench.alice, agentId, id)
  const script = `
    until [ -s /run/nora/key-${id} ]; do :; done
    cat /run/nora/key-${id}; echo " A"; cat /run/nora/keys.json; echo B gpt-visible
    old="$(cat /run/nora/key-${id})"
    until [ "$(cat /run/nora/key-${id})" != "$old" ]; do sleep 0.01; done
    echo "new $(cat /run/nora/key-${id}) C"; echo "old $old D"
    until [ "$(cat /run/nora/keys.json | head -c 13)" = '{"version":3,' ]; do sleep 0.05; done
    echo "once more $old E"; sleep 60`
  const containerId = await bench.run(script, binds())
  await bench.setContainer(agentId, containerId, 1)
  const followers = bench.follow()
  await waitUntil('the log to be followed', () => followers.health().reading === 1)
  await deliver()
  await seen('B gpt-visible')
  await storeKey(database, bench.alice, { apiKey: second }, { id, version: 2 })
  await deliver()
  await seen(' D')
  // Another worker, which never delivered anything, after the first version is long replaced.
  await followers.stop()
  bench.follow()
  await deliver()
  await seen(' E')
  const text = await everything()
  expect(text).not.toContain(first)
  expect(text).not.toContain(second)
  expect(text).toContain('[redacted] A')
  expect(text).toContain('new [redacted] C\nold [redacted] D\nonce more [redacted] E')
})

test('a key over the engine’s frame border, beside the cut, in base64 and over several lines', async () => {
  const lines = ['first line of a long secret text', 'second line of a long secret text']
  const id = await storeKey(database, bench.alice, { apiKey: first })
  const many = await storeKey(database, bench.alice, { PEM: lines.join('\n') }, { provider: 'custom' })
  await attach(database, bench.alice, agentId, id)
  await attach(database, bench.alice, agentId, many)
  await deliver()
  const fill = (n: number) => `head -c ${n} /dev/zero | tr "\\0" x`
  const script = [
    `${fill(16_375)}; echo ${first}`,
    `${fill(65_530)}; printf ${first}; ${fill(50_000)}; echo`,
    `echo ${Buffer.from(`user:${first}`).toString('base64')}`,
    ...lines.map((line) => `echo '${line}'`),
    'echo sk-abcdefghijklmnop',
    'echo -----BEGIN PRIVATE KEY-----; echo MIIEvQIBADANBg; sleep 0.2; echo kqhkiG9w0BAQEF; echo -----END PRIVATE KEY-----',
    'echo the end',
  ]
  const containerId = await bench.run(script.join('\n'), binds())
  await bench.setContainer(agentId, containerId, 1)
  const followers = bench.follow()
  await bench.exited(containerId)
  expect(await followers.settle(agentId, containerId, 60_000)).toBe('settled')
  const text = await everything()
  for (const part of [first, first.slice(0, 6), ...lines, 'sk-abc', 'MIIEvQ', 'kqhkiG9w', '-----']) {
    expect(text.includes(part), part).toBe(false)
  }
  expect(text).toContain('the end')
  expect(text).toMatch(/x{16375}\[redacted\]/)
})
