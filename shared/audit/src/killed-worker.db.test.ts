import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { testDatabase } from '@nora/testing/postgres'
import { tempFolder } from '@nora/testing/temp-folder'
import { waitUntil } from '@nora/testing/wait-until'
import { writeRows } from '@nora/worker/audit/testing/audit-rows'
import { expect, test } from 'vitest'
import { publicKey, run } from './testing/exported-chain.ts'

const database = testDatabase()
const program = fileURLToPath(
  new URL('../../../services/worker/src/audit/testing/audit-process.ts', import.meta.url),
)

async function start(folder: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [program, database.workerUrl, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout!, 'data')
  return child
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

test('kill -9 of workers at any moment loses nothing and doubles nothing, in the chain and in the files', async () => {
  const folder = await tempFolder('nora-audit-killed-')
  const chained = async () =>
    (await database.asSuperuser<{ n: number }>('select count(*)::int as n from nora.audit_chain'))[0]!.n
  let written = 0
  for (let turn = 0; turn < 5; turn++) {
    // Two at once, on one folder, as workers of one machine are.
    const workers = await Promise.all([start(folder), start(folder)])
    const before = await chained()
    const writing = writeRows(database, 150)
    // Killed while it works, each time a little later.
    await waitUntil('it chains', async () => (await chained()) > before + turn, {
      everyMs: 1,
      deadlineMs: 90_000,
    })
    await Promise.all(workers.map(kill))
    await writing
    written += 150
  }
  const last = await start(folder)
  const verify = () =>
    run(['--database', database.superuserUrl, '--files', folder, '--public-key', publicKey, '--json'])
  const whole = await waitUntil(
    'everything is chained and written down',
    async () => {
      const files = await run(['--files', folder, '--public-key', publicKey, '--json'])
      return files.verdict.last === written ? files : undefined
    },
    { deadlineMs: 90_000 },
  )
  await kill(last)
  expect([whole.kinds, whole.verdict.rows]).toEqual([[], written])
  const compared = await verify()
  expect(compared.kinds).toEqual([])
  expect(compared.verdict).toMatchObject({ rows: written, last: written, waiting: 0 })
})
