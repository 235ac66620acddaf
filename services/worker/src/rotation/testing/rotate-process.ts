import { text } from 'node:stream/consumers'
import { connect } from '@nora/db/connect'
import { createLogger } from '@nora/log/logger'
import { resealBatch } from '../rotate.ts'
import { keysOf, type NumberedKey } from './sealed-rows.ts'

// A worker's rotation in a process of its own, so that a test can kill it: facts on stdin, a line for each batch. It does so many and
// no more: a test that is slow to kill it finds it in the middle all the same.
type Facts = {
  databaseUrl: string
  keys: { version: number; key: string }[]
  rows: number
  most: number | null
}

const { databaseUrl, keys, rows, most } = JSON.parse(await text(process.stdin)) as Facts
const [current, ...previous] = keys.map(({ version, key }) => ({ version, key: Buffer.from(key, 'hex') }))
const db = connect({ databaseUrl, applicationName: 'rotation', onError: () => undefined })
const log = createLogger({ service: 'rotation', level: 'warn' })
const deps = { db, log, ...keysOf(current as NumberedKey, ...previous) }
for (let read = 1, done = 0; read > 0; ) {
  if (done++ === most) await new Promise(() => setInterval(() => undefined, 1_000))
  read = (await resealBatch(deps, AbortSignal.timeout(60_000), rows)).read
  process.stdout.write(`${read}\n`)
}
await db.destroy()
