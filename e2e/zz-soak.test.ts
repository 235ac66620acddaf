import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { waitUntil } from '@nora/testing/wait-until'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { assembleTinyImage } from '../services/worker/src/images/tiny.ts'
import { type Client, signedIn } from './client.ts'
import { stack } from './stack.ts'

const it = stack()
const out: string[] = []
const say = (...parts: unknown[]) => {
  out.push(parts.map((p) => (typeof p === 'string' ? p : JSON.stringify(p))).join(' '))
  writeFileSync('/tmp/soak-out.txt', out.join('\n'))
}
const seed0 = Number(process.env['SOAK_SEED'] ?? 7)
let seed = seed0
const rnd = () => {
  seed = (seed * 1103515245 + 12345) % 2147483648
  return seed / 2147483648
}
const pick = <T>(list: readonly T[]): T => list[Math.floor(rnd() * list.length)]!

test('soak', async () => {
  const counter = (
    await assembleTinyImage(it.docker, {
      name: 'zz-counter',
      cmd: [
        '/bin/sh',
        '-c',
        'trap "exit 0" TERM; i=0; while :; do i=$((i+1)); echo "n $i"; [ $((i%20)) = 0 ] && sleep 0.1; done',
      ],
    })
  ).reference
  const crasher = (
    await assembleTinyImage(it.docker, { name: 'zz-crash', cmd: ['/bin/sh', '-c', 'sleep 2; exit 3'] })
  ).reference
  const people = [await signedIn(it, 'alice'), await signedIn(it, 'bob')] as Client[]
  const hist = new Map<string, number>()
  const note = (op: string, a: { status: number; body: any }) => {
    const k = `${op} ${a.status} ${a.body?.code ?? ''}`
    hist.set(k, (hist.get(k) ?? 0) + 1)
    if (a.status >= 500) say('5xx', op, a.status, a.body)
  }
  type A = { id: string; who: Client; kind: string; deleted?: boolean }
  const agents: A[] = []
  const keys = new Map<Client, string[]>()
  for (const who of people) {
    const ids: string[] = []
    for (let i = 0; i < 3; i++)
      ids.push(
        String(
          (
            await who.post('llm-providers', {
              provider: 'custom',
              label: `k${i}`,
              secret: { apiKey: `canary-${i}-${Math.random()}-xxxxxxxx` },
            })
          ).body['id'],
        ),
      )
    keys.set(who, ids)
  }
  const live = () => agents.filter((a) => !a.deleted)
  const create = async () => {
    const who = pick(people)
    if (live().length >= 9) return
    const kind = pick(['counter', 'counter', 'starter', 'crash', 'counter'])
    const body: Record<string, unknown> = {
      name: `s${agents.length}`,
      resources: { cpus: 0.2, memoryMb: kind === 'starter' ? 128 : 32, diskMb: 32, pids: 40 },
      providerKeyIds: keys.get(who)!.filter(() => rnd() < 0.6),
    }
    if (kind === 'starter') body['runtime'] = 'starter'
    else
      Object.assign(body, {
        runtime: 'image',
        image: kind === 'counter' ? counter : crasher,
        ...(rnd() < 0.5 ? { config: { statePath: '/data' } } : {}),
      })
    const a = await who.post<any>('agents', body)
    note('create', a)
    if (a.status === 202) agents.push({ id: a.body.id, who, kind })
  }
  const act = async () => {
    const a = pick(live())
    if (!a) return create()
    const r = rnd()
    if (r < 0.14) return create()
    if (r < 0.26)
      return note(
        'sync',
        await a.who.post(
          `agents/${a.id}/sync-keys`,
          rnd() < 0.5 ? {} : { providerKeyIds: keys.get(a.who)!.filter(() => rnd() < 0.5) },
        ),
      )
    if (r < 0.36) return note('restart', await a.who.post(`agents/${a.id}/restart`))
    if (r < 0.5) return note('stop', await a.who.post(`agents/${a.id}/stop`))
    if (r < 0.66) return note('start', await a.who.post(`agents/${a.id}/start`))
    if (r < 0.72) return note('redeploy', await a.who.post(`agents/${a.id}/redeploy`))
    if (r < 0.78) return note('patch', await a.who.patch(`agents/${a.id}`, { env: { A: String(rnd()) } }))
    if (r < 0.9) {
      const ops = await a.who.get<any>(`agents/${a.id}/operations?limit=3`)
      const open = (ops.body.items ?? []).find((o: any) => ['queued', 'running'].includes(o.status))
      if (open) note('cancel', await a.who.post(`agents/${a.id}/operations/${open.id}/cancel`))
      return
    }
    if (r < 0.94) {
      const list = keys.get(a.who)!
      const id = list.pop()
      if (id) note('delkey', await a.who.delete(`llm-providers/${id}?force=true`))
      const made = await a.who.post<any>('llm-providers', {
        provider: 'custom',
        label: 'kn',
        secret: { apiKey: `canary-n-${Math.random()}-xxxxxxxx` },
      })
      note('mkkey', made)
      if (made.status === 201) list.push(made.body.id)
      return
    }
    if (r < 0.99) {
      a.deleted = true
      return note('delete', await a.who.delete(`agents/${a.id}${rnd() < 0.3 ? '?keepData=true' : ''}`))
    }
  }
  const until = Date.now() + Number(process.env['SOAK_MS'] ?? 100_000)
  let stop = false
  const chaos = (async () => {
    while (!stop) {
      await delay(4_000 + rnd() * 6_000)
      if (stop) break
      const r = rnd()
      try {
        if (r < 0.45) {
          say('chaos kill worker')
          await it.killWorker()
          await delay(rnd() * 1500)
          await it.startWorker()
        } else if (r < 0.75) {
          const list = await it.docker.listContainers({
            all: true,
            filters: { label: [`com.nora.installation=${it.installation}`] },
          })
          if (list.length) {
            const c = pick(list)
            say('chaos rm', c.Names[0]!)
            await it.docker
              .getContainer(c.Id)
              .remove({ force: true, v: true })
              .catch(() => undefined)
          }
        } else {
          say('chaos flush')
          const redis = new Redis(it.redis.url)
          await redis.flushall()
          redis.disconnect()
        }
      } catch (e) {
        say('chaos error', String(e))
      }
    }
  })()
  const loops = Array.from({ length: 4 }, async () => {
    while (Date.now() < until) {
      await act().catch((e) => say('act error', String(e)))
      await delay(100 + rnd() * 500)
    }
  })
  await Promise.all(loops)
  stop = true
  await chaos
  say('load over', [...hist].sort())
  const sql = (q: string, p: unknown[] = []) => it.database.asSuperuser<any>(q, p)
  const problems: string[] = []
  const openNow = async () =>
    sql(
      `select o.id, o.kind, o.status, o.reason, o.attempt, o.agent_id from nora.operations o where status in ('pending','leased')`,
    )
  const settle = async (what: string, ms = 90_000) => {
    try {
      await waitUntil(
        what,
        async () => {
          const rows = await sql(
            `select a.id, a.state, a.desired_state, a.state_reason from nora.agents a where deleted_at is null`,
          )
          const bad = rows.filter((r: any) => {
            const kind = agents.find((a) => a.id === r.id)?.kind
            if (r.desired_state === 'deleted') return true
            if (r.desired_state === 'stopped') return r.state !== 'stopped'
            return kind === 'crash'
              ? !['running', 'error', 'degraded', 'provisioning'].includes(r.state)
              : r.state !== 'running'
          })
          const open = (await openNow()).filter(
            (o: any) => agents.find((a) => a.id === o.agent_id)?.kind !== 'crash',
          )
          if (bad.length + open.length === 0) return true
          throw new Error(JSON.stringify({ bad, open }))
        },
        { deadlineMs: ms, everyMs: 500 },
      )
    } catch (e) {
      problems.push(String(e))
      say('NOT SETTLED', String(e).slice(0, 3000))
    }
  }
  await settle('all settled')
  const keysDir = `/dev/shm/${it.prefix}/keys`
  const rows = await sql(
    `select a.id, a.state, a.desired_state, a.deleted_at, a.keep_data, a.generation, a.state_reason from nora.agents a`,
  )
  const list = await it.docker.listContainers({
    all: true,
    filters: { label: [`com.nora.installation=${it.installation}`, 'com.nora.role=agent'] },
  })
  const check = async (when: string) => {
    const rows = await sql(
      `select a.id, a.state, a.desired_state, a.deleted_at, a.keep_data, a.generation, a.state_reason from nora.agents a`,
    )
    const list = await it.docker.listContainers({
      all: true,
      filters: { label: [`com.nora.installation=${it.installation}`] },
    })
    const nets = await it.docker.listNetworks({
      filters: { label: [`com.nora.installation=${it.installation}`] },
    })
    const vols =
      (
        await it.docker.listVolumes({
          filters: { label: [`com.nora.installation=${it.installation}`] } as any,
        })
      ).Volumes ?? []
    for (const row of rows) {
      const kind = agents.find((a) => a.id === row.id)?.kind
      const mine = list.filter((c) => c.Labels['com.nora.agent'] === row.id)
      const dir = `${keysDir}/${row.id}`
      const files = existsSync(dir) ? readdirSync(dir) : null
      if (row.deleted_at) {
        if (mine.length) problems.push(`${when}: deleted ${row.id} has ${mine.map((c) => c.Names + c.State)}`)
        if (files) problems.push(`${when}: deleted ${row.id} has key folder ${files}`)
        if (nets.some((n) => n.Labels?.['com.nora.agent'] === row.id))
          problems.push(`${when}: deleted ${row.id} has a network`)
        if (!row.keep_data && vols.some((v) => v.Labels?.['com.nora.agent'] === row.id))
          problems.push(`${when}: deleted ${row.id} has a volume`)
      } else if (row.desired_state === 'stopped') {
        if (mine.some((c) => c.State === 'running')) problems.push(`${when}: stopped ${row.id} runs`)
        if (files && files.length)
          problems.push(`${when}: stopped ${row.id} ${row.state_reason} has keys ${files}`)
      } else if (kind !== 'crash') {
        const up = mine.filter((c) => c.State === 'running')
        if (up.length !== 1)
          problems.push(`${when}: running ${row.id} ${row.state} has ${mine.map((c) => c.State)}`)
        const should = (
          await sql(`select credential_id id from nora.agent_credentials where agent_id=$1`, [row.id])
        )
          .map((r: any) => `key-${r.id}`)
          .sort()
        const has = (files ?? []).filter((f) => f.startsWith('key-')).sort()
        if (JSON.stringify(should) !== JSON.stringify(has))
          problems.push(`${when}: running ${row.id} keys should ${should} has ${has}`)
        if ((files ?? []).some((f) => f.startsWith('.')))
          problems.push(`${when}: ${row.id} temp left ${files}`)
      }
    }
    const known = new Set(rows.map((r: any) => r.id))
    if (existsSync(keysDir))
      for (const d of readdirSync(keysDir))
        if (!known.has(d)) problems.push(`${when}: unknown key folder ${d}`)
    return { nets, vols }
  }
  say('rows', rows.length, 'containers', list.length)
  await check('settled')
  // logs: for every counter agent, numbers per container run contiguous
  for (const a of agents.filter((x) => x.kind === 'counter')) {
    const row = rows.find((r: any) => r.id === a.id)
    if (row.deleted_at) continue
    let after = 0,
      last = 0,
      gaps = 0,
      lines = 0,
      lastSeq = 0
    for (;;) {
      const page = await a.who.get<any>(`agents/${a.id}/logs?after=${after}&limit=1000`)
      if (page.status !== 200) {
        problems.push(`logs ${page.status}`)
        break
      }
      for (const l of page.body.items) {
        lines++
        if (l.seq <= lastSeq) problems.push(`seq back ${a.id}`)
        lastSeq = l.gap ? l.gap.to : l.seq
        if (l.gap) {
          gaps++
          last = -1
          say('gap', a.id, l.gap)
          continue
        }
        const n = Number(/^n (\d+)$/.exec(l.text)?.[1])
        if (!n) {
          problems.push(`odd line ${l.text.slice(0, 80)}`)
          continue
        }
        if (last !== -1 && n !== last + 1 && n !== 1)
          problems.push(`log ${a.id}: ${last} -> ${n} at ${l.seq}`)
        last = n
      }
      if (page.body.nextCursor === null) break
      after = Number(page.body.nextCursor)
    }
    say('log', a.id, { lines, gaps })
  }
  for (const a of live()) note('final delete', await a.who.delete(`agents/${a.id}`))
  try {
    await waitUntil(
      'all deleted',
      async () => {
        const rest = await sql(
          `select a.id, a.state, a.state_reason from nora.agents a where deleted_at is null`,
        )
        if (rest.length === 0) return true
        throw new Error(JSON.stringify(rest))
      },
      { deadlineMs: 90_000, everyMs: 500 },
    )
  } catch (e) {
    problems.push(String(e))
  }
  await delay(25_000)
  const { nets, vols } = await check('at the end')
  say(
    'nets',
    nets.map((n) => n.Name),
    'vols',
    vols.map((v) => v.Name),
  )
  say('keys dir', existsSync(keysDir) ? readdirSync(keysDir) : null)
  const kept = new Set((await sql('select id from nora.agents where keep_data')).map((r: any) => r.id))
  say(
    'loops',
    execFileSync('losetup', ['-a'])
      .toString()
      .split('\n')
      .filter((l) => l.includes(it.folder)),
    [...kept],
  )
  const cats = await sql(
    `select kind, status, count(*) n, max(attempt) attempt from nora.operations group by 1,2 order by 1,2`,
  )
  say('ops', cats)
  const wlog = await it.logOf('worker')
  const errs = new Map<string, number>()
  for (const line of wlog.split('\n')) {
    try {
      const j = JSON.parse(line)
      if (j.level >= 40 || j.level === 'warn' || j.level === 'error') {
        const k = `${j.level} ${j.msg} ${j.err?.message ?? ''}`
          .slice(0, 260)
          .replace(/[0-9a-f]{8,}[-0-9a-f]*/g, '#')
        errs.set(k, (errs.get(k) ?? 0) + 1)
      }
    } catch {
      if (line.trim()) say('raw worker line', line.slice(0, 300))
    }
  }
  say(
    'worker log',
    [...errs]
      .sort((x, y) => y[1] - x[1])
      .slice(0, 40)
      .map((x) => x.join(' x'))
      .join('\n   '),
  )
  const alog = await it.logOf('api')
  const aerrs = new Map<string, number>()
  for (const line of alog.split('\n')) {
    try {
      const j = JSON.parse(line)
      if (j.level >= 40 || j.level === 'warn' || j.level === 'error') {
        const k = `${j.level} ${j.msg} ${j.err?.message ?? ''}`.slice(0, 260)
        aerrs.set(k, (aerrs.get(k) ?? 0) + 1)
      }
    } catch {
      if (line.trim()) say('raw api line', line.slice(0, 300))
    }
  }
  say('api log', [...aerrs].map((x) => x.join(' x')).join('\n   '))
  writeFileSync('/tmp/soak-worker.log', wlog)
  writeFileSync('/tmp/soak-api.log', alog)
  say('problems', problems)
  expect(problems).toEqual([])
}, 600_000)
