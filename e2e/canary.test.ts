import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { waitUntil } from '@nora/testing/wait-until'
import { Redis } from 'ioredis'
import { beforeAll, describe, expect, test } from 'vitest'
import { assembleTinyImage } from '../services/worker/src/images/tiny.ts'
import { type Client, signedIn } from './client.ts'
import { stack } from './stack.ts'

const it = stack()
// No known token shape: only the value itself gives it away, so nothing but the exact scrub can catch it.
const canary = `canary${randomBytes(24).toString('hex')}`
const forms = [
  canary,
  Buffer.from(canary).toString('base64').replace(/=+$/, ''),
  Buffer.from(canary).toString('hex'),
]
const answers: string[] = []
let alice: Client
let agentId: string

const hasCanary = (text: string) => forms.some((form) => text.includes(form))

beforeAll(async () => {
  alice = await signedIn(it, 'alice')
  const key = await alice.post('llm-providers', {
    provider: 'openai',
    label: 'canary',
    secret: { apiKey: canary },
  })
  expect(key.status, JSON.stringify(key.body)).toBe(201)
  const image = await assembleTinyImage(it.docker, {
    name: 'e2e-blabber',
    cmd: [
      '/bin/sh',
      '-c',
      'sleep 1; cat /run/nora/keys.json; cat /run/nora/keys.json >&2; echo done; exec sleep 3600',
    ],
  })
  agentId = await alice.deploy({
    name: 'blabber',
    runtime: 'image',
    image: image.reference,
    providerKeyIds: [key.body['id']],
  })
  await alice.until(agentId, 'running')
  const follower = await alice.follow(agentId, 0)
  await waitUntil(
    'the agent to have printed its key',
    () => follower.lines().some((line) => line.text.includes('done')),
    { deadlineMs: 90_000 },
  )
  answers.push(JSON.stringify(follower.frames))
  follower.close()
  await alice.post(`agents/${agentId}/sync-keys`)
  await alice.until(agentId, 'running')
  for (const path of [
    'llm-providers',
    `llm-providers/${key.body['id']}`,
    'agents',
    `agents/${agentId}`,
    `agents/${agentId}/events`,
    `agents/${agentId}/logs`,
    `agents/${agentId}/operations`,
  ]) {
    answers.push(JSON.stringify((await alice.get(path)).body))
  }
}, 400_000)

describe('a stored key in clear is nowhere but in the agent', () => {
  test('the agent has it, so the search below looks for the right thing', async () => {
    const [container] = await it.docker.listContainers({ filters: { label: [`com.nora.agent=${agentId}`] } })
    const inside = execFileSync(
      'docker',
      ['exec', container!.Id, '/bin/sh', '-c', 'cat /run/nora/keys.json'],
      { encoding: 'utf8' },
    )
    expect(inside).toContain(canary)
  })

  test('not in an answer of the API or a frame of a socket, even when the agent prints it', () => {
    expect(answers.join('\n')).toContain('done')
    expect(answers.filter(hasCanary)).toEqual([])
  })

  test('not in any row of any table, log chunks unpacked', async () => {
    const tables = await it.database.asSuperuser<{ name: string }>(
      `select quote_ident(table_schema) || '.' || quote_ident(table_name) as name from information_schema.tables
       where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE'`,
    )
    expect(tables.length).toBeGreaterThan(15)
    for (const { name } of tables) {
      const rows = await it.database.asSuperuser<{ row: string }>(`select t::text as row from ${name} t`)
      expect(rows.filter(({ row }) => hasCanary(row)).length, name).toBe(0)
    }
    const logs = await alice.get(`agents/${agentId}/logs?after=0&limit=200`)
    expect(JSON.stringify(logs.body)).toContain('done')
  })

  test('not in Redis', async () => {
    const redis = new Redis(it.redis.url)
    const values: string[] = []
    for (const key of await redis.keys('*')) values.push(key, (await redis.dump(key))?.toString() ?? '')
    redis.disconnect()
    expect(values.filter(hasCanary)).toEqual([])
  })

  test('not in what the engine says of any container, image or volume of this installation', async () => {
    const filters = { label: [`com.nora.installation=${it.installation}`] }
    const containers = await it.docker.listContainers({ all: true, filters })
    expect(containers.length).toBeGreaterThanOrEqual(2)
    for (const { Id, ImageID } of containers) {
      expect(hasCanary(JSON.stringify(await it.docker.getContainer(Id).inspect()))).toBe(false)
      expect(hasCanary(JSON.stringify(await it.docker.getImage(ImageID).inspect()))).toBe(false)
    }
    expect(hasCanary(JSON.stringify(await it.docker.listVolumes({ filters })))).toBe(false)
  })

  test('not in the log, the arguments or the environment of a process', async () => {
    const logs = [await it.logOf('api'), await it.logOf('worker')]
    expect(logs.every((log) => log.length > 100)).toBe(true)
    expect(logs.filter(hasCanary)).toEqual([])
    const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
    const read = (path: string) => {
      try {
        return readFileSync(path, 'latin1')
      } catch (error) {
        // A process may have ended since the listing; its files are no place to look any more.
        return (error as NodeJS.ErrnoException).code ?? ''
      }
    }
    const leaks = processes.filter(
      (pid) => hasCanary(read(`/proc/${pid}/cmdline`)) || hasCanary(read(`/proc/${pid}/environ`)),
    )
    expect(leaks).toEqual([])
  })
})
