import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import type { Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { addressIn } from '@nora/testing/address-pool'
import { waitUntil } from '@nora/testing/wait-until'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Client, signedIn } from '../client.ts'
import { stack } from '../stack.ts'
import { dialOn, lookUp, scan, type Target } from './dial.ts'
import { type GuardProcess, guardProcess, lyingGuard } from './guard-process.ts'
import { type OtherSide, otherSide, places } from './other-side.ts'
import { churn, forbidden, hostAddresses, hostListener, onNetwork, type Place, placeOf } from './scene.ts'

// As root, on this machine's own firewall: with chains of this stack's installation, for its pool, and nothing else.
const run = promisify(execFile)
const statusFile = join(tmpdir(), `nora-guard-${randomUUID()}.json`)
const it = stack({}, undefined, '127.0.0.1', {
  NORA_HOST_GUARD: 'required',
  NORA_NETGUARD_STATUS: statusFile,
})
const opened: Target = ['10.255.77.77', 8080]
let alice: Client
let guard: GuardProcess
let beyond: OtherSide
let listener: { port: number; server: Server }
let hers: Place
let his: Place
let [first, second] = ['', '']

beforeAll(async () => {
  beyond = await otherSide(it.prefix.slice(5))
  listener = await hostListener()
  const { installation, pool, folder } = it
  const allow = opened.join(':')
  guard = guardProcess({ installation, pool, folder, statusFile, allow, resolver: places.resolver })
  alice = await signedIn(it, 'alice')
}, 300_000)

afterAll(async () => {
  await guard?.remove()
  await beyond?.close()
  listener?.server.close()
  await rm(statusFile, { force: true })
}, 300_000)

const untilReason = (id: string, words: string) =>
  waitUntil(`the reason “${words}”`, async () => (await alice.agent(id)).stateReason.includes(words), {
    deadlineMs: 120_000,
  })
const containers = async (agentId: string) =>
  (await it.docker.listContainers({ filters: { label: [`com.nora.agent=${agentId}`] } })).length
const values = (met: Record<string, string>) => [...new Set(Object.values(met))]
/** All of these answer an agent with this word; a machine that stands still, or is asked for much at once, answers later. */
const untilMet = (targets: Target[], word: string) =>
  waitUntil(
    `${word} everywhere`,
    async () => {
      const met = await scan(hers.containerId, targets)
      if (values(met).join() === word) return true
      throw new Error(JSON.stringify(met))
    },
    { deadlineMs: 60_000 },
  )
const untilNamed = (containerId: string, server: string) =>
  waitUntil(
    `${server} to name the internet`,
    async () => (await lookUp(containerId, server))?.join() === places.internet,
    { deadlineMs: 60_000 },
  )
const hostPorts = () => [1, 22, 5432, 6379, listener.port, Number(new URL(it.url).port)]
const host = (from: Place) =>
  hostAddresses(it, from).flatMap((address) => hostPorts().map((port): Target => [address, port]))

test('no agent starts before the guard stands, says so, can be given up meanwhile, and starts by itself once it does', async () => {
  first = await alice.deploy({ name: 'first', runtime: 'starter' })
  second = await alice.deploy({ name: 'second', runtime: 'starter' })
  const third = await alice.deploy({ name: 'third', runtime: 'starter' })
  await untilReason(first, 'waiting for the host guard: it has not said yet that its rules stand')
  // The guard's word is not enough: what is met inside the pool decides.
  const liar = lyingGuard(statusFile)
  try {
    await untilReason(first, `an agent could reach this host at ${addressIn(it.pool, 1)}`)
  } finally {
    liar.end()
  }
  await untilReason(third, 'waiting for the host guard')
  expect((await alice.post(`agents/${third}/stop`)).status).toBe(202)
  await alice.until(third, 'stopped')
  expect(await Promise.all([first, second, third].map(containers))).toEqual([0, 0, 0])
  guard.start()
  await alice.until(first, 'running', 120_000)
  await alice.until(second, 'running', 120_000)
  ;[hers, his] = [await placeOf(it, first), await placeOf(it, second)]
})

test('what runs goes on when the guard is gone; what is asked to start again waits, and keeps running meanwhile', async () => {
  // It may have said so before, of a guard that lied.
  const before = (await it.logOf('worker')).length
  await guard.remove()
  await waitUntil(
    'the worker to see it',
    async () => (await it.logOf('worker')).slice(before).includes('has stopped saying'),
    { deadlineMs: 120_000 },
  )
  expect((await alice.post(`agents/${first}/restart`)).status).toBe(202)
  await untilReason(first, 'waiting for the host guard')
  expect(await containers(first)).toBe(1)
  expect((await placeOf(it, first)).containerId).toBe(hers.containerId)
  guard.start()
  await alice.until(first, 'running', 120_000)
  hers = await placeOf(it, first)
  await guard.remove()
})

test('without the rules the host, metadata, private addresses and, while networks are made, other agents are open: the scan sees it', async () => {
  const open = [
    [places.metadata, 80] as Target,
    ...[...places.private, places.resolver].map((address): Target => [address, 8080]),
    ...hostAddresses(it, hers).map((address): Target => [address, listener.port]),
  ]
  await untilMet(open, 'open')
  await untilMet(
    hostAddresses(it, hers).map((address): Target => [address, 1]),
    'ECONNREFUSED',
  )
  if (!(await it.docker.version()).Version.startsWith('20.')) return // Later engines may have closed it themselves.
  const making = churn(it)
  const dialled = await dialOn(hers.containerId, [his.address, 8080], { seconds: 150, untilOpen: true })
  const made = await making.end()
  expect(dialled.open, `while ${made} networks were made`).toBeGreaterThan(0)
})

async function guarded(): Promise<void> {
  guard.start()
  const chain = `NORA-${it.installation.slice(0, 8)}-FWD`
  const stands = async () => (await run('iptables-save', ['-t', 'mangle'])).stdout.includes(`-j ${chain}`)
  await waitUntil('the rules', stands, { deadlineMs: 90_000 })
}

test('from an agent the host, its services, metadata, private addresses and other agents are closed; names and the internet are open', async () => {
  await guarded()
  const closed = [...host(hers), ...forbidden(his)].filter((target) => target.join() !== opened.join())
  expect(closed.length).toBeGreaterThan(30)
  const met = await scan(hers.containerId, closed)
  expect(values(met), JSON.stringify(met)).toEqual(['no answer'])
  const ports = Array.from({ length: 1024 }, (_, index): Target => [addressIn(it.pool, 1), index + 1])
  expect(values(await scan(hers.containerId, ports))).toEqual(['no answer'])
  await untilMet([[places.internet, 80], opened, [places.resolver, 53]], 'open')
  await untilNamed(hers.containerId, places.resolver)
  expect(await lookUp(hers.containerId, places.private[1]!)).toBeUndefined()
  // As the engine asks for a container: from its own address.
  const named = await onNetwork(it, hers, 100, { internal: false })
  await untilNamed(named.containerId, 'own')
  const nearby: Target[] = [
    [named.bridge, listener.port],
    [his.address, 8080],
  ]
  expect(values(await scan(named.containerId, nearby))).toEqual(['no answer'])
})

test('from an internal network, which the profile hardened will use, nothing at all answers, the host neither', async () => {
  const inside = await onNetwork(it, hers, 101, { internal: true })
  const from = { ...hers, ...inside }
  const closed = [...host(from), ...forbidden(his), opened, [places.internet, 80] as Target]
  const met = await scan(inside.containerId, closed)
  expect(Object.values(met)).not.toContain('open')
  expect(Object.values(met)).not.toContain('ECONNREFUSED')
  expect(met[`${inside.bridge}:${listener.port}`]).toBe('no answer')
})

test('no agent reaches another while networks are made and removed: not once in thousands of dials', async () => {
  const making = churn(it)
  let [dials, open] = [0, 0]
  // Half a minute where the machine is quick, longer where it makes few networks in that time.
  for (let round = 0; round < 3 || (round < 12 && (making.made() <= 20 || dials <= 2_000)); round++) {
    const met = await dialOn(hers.containerId, [his.address, 8080], { seconds: 10, untilOpen: false })
    dials += met.dials
    open += met.open
  }
  expect(await making.end()).toBeGreaterThan(20)
  expect(dials).toBeGreaterThan(2_000)
  expect(open).toBe(0)
})

test('flushed, the rules are back at once, and an agent is served by its gateway all the while', async () => {
  const chains = ['FWD', 'IN'].map((end) => `NORA-${it.installation.slice(0, 8)}-${end}`)
  for (const chain of chains) await run('iptables', ['-w', '-t', 'mangle', '-F', chain])
  await waitUntil(
    'the host to be closed again',
    async () => values(await scan(hers.containerId, host(hers))).join() === 'no answer',
    { deadlineMs: 30_000 },
  )
  expect((await alice.get(`agents/${first}/invoke/healthz`)).status).toBe(200)
})
