import { withActor } from '@nora/db/actor'
import { leaseFollower, readFollower } from '@nora/db/followers'
import { decodeChunk } from '@nora/events/log-chunk'
import { person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { expect, test } from 'vitest'
import { keyring, storeAgent, storeKey } from '../secrets/testing/arrange.ts'
import { openLogWriter } from './log-writer.ts'
import { textOf } from './testing/log-bench.ts'

const database = testDatabase()
const limits = { keptBytes: 1024 * 1024, keptDays: 14, leaseMs: 60_000 }
const ts = '2026-01-02T03:04:05.000000001Z'
const lines = (...texts: string[]) =>
  texts.map((text) => ({ ts, stream: 'stdout' as const, text: Buffer.from(text) }))

test.each(['the chunk to grow was trimmed', 'a key was given'])(
  'the rest of a private key is taken out although %s before it was stored',
  async (what) => {
    const alice = await person(database, what.replaceAll(' ', '-'))
    const agentId = await storeAgent(database, alice, {})
    const fence = (await leaseFollower(database.worker, agentId, 'w', 60_000))!
    const actor = { kind: 'follower', agentId, workerId: 'w', fence } as const
    const state = (await withActor(database.worker, actor, (tx) => readFollower(tx, agentId)))!
    const deps = { db: database.worker, keyring, limits, ring: () => undefined }
    const writer = await openLogWriter(deps, actor, state)
    await writer.write(lines('before', '-----BEGIN PRIVATE KEY-----', 'firstHalf'), undefined)
    if (what === 'a key was given') {
      const id = await storeKey(database, alice, { apiKey: 'sk-given-meanwhile' })
      await database.asSuperuser(
        `insert into nora.given_secrets (workspace_id, agent_id, credential_id, secret_version, owner_id, provider, destination_hosts,
           key_version, sealed)
         select workspace_id, $1, id, secret_version, owner_id, provider, destination_hosts, key_version, sealed
         from nora.credentials where id = $2`,
        [agentId, id],
      )
    } else await database.asSuperuser('delete from nora.log_chunks where agent_id = $1', [agentId])
    await writer.write(lines('secondHalf', '-----END PRIVATE KEY-----', 'after'), undefined)
    const chunks = await database.asSuperuser<{ data: Buffer }>(
      'select data from nora.log_chunks where agent_id = $1 order by first_seq',
      [agentId],
    )
    const texts = (await Promise.all(chunks.map(({ data }) => decodeChunk(data)))).flat().map(textOf)
    expect(texts.slice(-3)).toEqual(['[redacted]', '[redacted]', 'after'])
  },
)
