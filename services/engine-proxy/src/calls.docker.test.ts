import { mkdirSync, rmdirSync, symlinkSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ask } from './testing/ask.ts'
import { refusedCalls } from './testing/refused-calls.ts'
import { agentCreation, sample } from './testing/specs.ts'
import { stage } from './testing/stage.ts'
import { engineSocket, mountKeys } from './testing/through-proxy.ts'

let it: Awaited<ReturnType<typeof stage>>
beforeAll(async () => {
  it = await stage()
}, 240_000)
afterAll(() => it?.close())

test('calls that the worker does not make are refused, whatever way they are written', async () => {
  const wrong: string[] = []
  for (const line of refusedCalls) {
    const [method = '', path = ''] = line.split(' ')
    const named = path
      .replace('AGENT', it.agentId)
      .replace('GATEWAY', it.gatewayId)
      .replace('STRANGER', it.stranger)
    const { status, text } = await it.call(
      method,
      named,
      method === 'POST' && path.endsWith('/exec') ? { Cmd: ['/bin/sh'] } : undefined,
    )
    if (status !== 403) wrong.push(`${line}: ${status} ${text.slice(0, 80)}`)
  }
  expect(wrong).toEqual([])
  // And one of them, so that this can fail: the engine itself answers.
  expect((await ask(engineSocket, 'GET', '/containers/../info')).status).not.toBe(403)
  expect((await ask(engineSocket, 'GET', '/info')).status).toBe(200)
})

test('somebody else’s container, network and volume are not touched and not read', async () => {
  const { stranger, strangerId, call, docker, names } = it
  for (const who of [stranger, strangerId, strangerId.slice(0, 12)]) {
    const verbs = ['start', 'stop?t=1', 'kill?signal=SIGKILL', 'unpause', `rename?name=${names.container}`]
    for (const verb of verbs)
      expect((await call('POST', `/containers/${who}/${verb}`)).status, verb).toBe(403)
    expect((await call('DELETE', `/containers/${who}?force=1&v=1`)).status).toBe(403)
    expect((await call('POST', `/containers/${who}/exec`, { Cmd: ['/bin/sh'] })).status).toBe(403)
    expect((await call('GET', `/containers/${who}/logs?stdout=1`)).status).toBe(403)
    expect((await call('GET', `/containers/${who}/stats?stream=0`)).status).toBe(403)
    const seen = await call('GET', `/containers/${who}/json`)
    expect(seen.status).toBe(who === strangerId ? 200 : 403)
    expect(seen.text).not.toContain('SECRET')
  }
  expect((await docker.getContainer(strangerId).inspect()).State.Running).toBe(true)
  const { Id } = await docker.getNetwork(stranger).inspect()
  for (const who of [stranger, Id]) {
    expect((await call('DELETE', `/networks/${who}`)).status).toBe(403)
    const gateway = {
      Container: it.gatewayId,
      EndpointConfig: { IPAMConfig: { IPv4Address: it.facts.target.network.gateway } },
    }
    expect((await call('POST', `/networks/${who}/connect`, gateway)).status).toBe(403)
    expect(
      (await call('POST', `/networks/${who}/disconnect`, { Container: strangerId, Force: true })).status,
    ).toBe(403)
  }
  expect((await call('DELETE', `/volumes/${stranger}`)).status).toBe(403)
  expect((await call('GET', `/volumes/${stranger}`)).status).toBe(403)
  for (const path of ['/containers/json?all=1', '/networks', '/volumes']) {
    const { status, text } = await call('GET', path)
    expect(status).toBe(200)
    expect(text).toContain(it.facts.installation)
    expect(text).not.toContain(stranger)
    expect(JSON.stringify(await ask(engineSocket, 'GET', path))).toContain(stranger)
  }
})

test('our own objects are used in their own way alone', async () => {
  const { call, names, agentId, gatewayId, stranger, facts } = it
  const at = (IPv4Address: string) => ({ EndpointConfig: { IPAMConfig: { IPv4Address } } })
  const { gateway, agent } = facts.target.network
  const control = `${facts.ours.prefix}-00-control`
  const attempts: [string, string, unknown][] = [
    ['POST', `/networks/${names.network}/connect`, { Container: agentId, ...at(agent) }],
    ['POST', `/networks/${names.network}/connect`, { Container: stranger, ...at(gateway) }],
    ['POST', `/networks/${names.network}/connect`, { Container: gatewayId, ...at(agent) }],
    ['POST', `/networks/${control}/connect`, { Container: agentId, ...at(gateway) }],
    ['POST', `/networks/${control}/disconnect`, { Container: gatewayId, Force: true }],
    ['DELETE', `/networks/${control}`, undefined],
    ['POST', `/containers/${agentId}/exec`, { Cmd: ['/bin/id'], Privileged: true }],
    ['POST', `/containers/${agentId}/exec`, { Cmd: ['/bin/id'], privileged: true }],
    ['POST', `/containers/${agentId}/exec`, { Cmd: ['/bin/id'], User: '0' }],
    ['POST', `/containers/${agentId}/exec`, { Cmd: ['/bin/id'], WorkingDir: '/' }],
  ]
  const bent = (change: (body: typeof it.network) => void, of = it.network) => {
    const body = JSON.parse(JSON.stringify(of)) as typeof it.network
    change(body)
    return body
  }
  const bridge = 'com.docker.network.bridge.name'
  const networks = [
    bent((one) => Object.assign(one.Options, { [bridge]: 'docker0' })),
    bent((one) => Object.assign(one.Options, { 'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0' })),
    bent((one) => Object.assign(one.IPAM.Config[0], { Subnet: '172.31.255.0/29', Gateway: '172.31.255.1' })),
    bent((one) => Object.assign(one.IPAM.Config[0], { AuxiliaryAddresses: { x: gateway } })),
    bent((one) => Object.assign(one.IPAM, { Driver: 'null' })),
    bent((one) => Object.assign(one, { Driver: 'macvlan', Options: { parent: 'eth0' } })),
    bent((one) => Object.assign(one, { driver: 'host' })),
    bent((one) => Object.assign(one, { Attachable: true })),
    bent((one) => Object.assign(one, { Name: 'bridge2' })),
    bent((one) => Object.assign(one, { ConfigFrom: { Network: 'x' } })),
    bent((one) => Object.assign(one.Labels, { 'com.nora.role': 'control' })),
  ]
  const volumes = [
    bent((one) => Object.assign(one, { DriverOpts: { type: 'none', o: 'bind', device: '/' } }), it.volume),
    bent((one) => Object.assign(one, { DriverOpts: { type: 'ext4', device: '/dev/loop0' } }), it.volume),
    bent((one) => Object.assign(one, { driverOpts: { type: 'tmpfs' } }), it.volume),
    bent((one) => Object.assign(one, { Driver: 'x' }), it.volume),
    bent((one) => Object.assign(one, { Name: 'x' }), it.volume),
    bent((one) => Object.assign(one, { ClusterVolumeSpec: {} }), it.volume),
  ]
  for (const body of networks) attempts.push(['POST', '/networks/create', body])
  for (const body of volumes) attempts.push(['POST', '/volumes/create', body])
  for (const [method, path, body] of attempts) {
    expect((await call(method, path, body)).status, `${path} ${JSON.stringify(body)}`).toBe(403)
  }
})

test('a link in the place of an agent’s keys is followed by nobody, at no time', async () => {
  const { facts, call, docker, image } = it
  const next = { ...facts.target, agentId: crypto.randomUUID(), statePath: '/state' }
  const { statePath: _, ...target } = next
  const own = join(facts.keysDir, target.agentId)
  const { name, body } = agentCreation(target, facts.keysDir, facts.image)
  const network = {
    Name: `${facts.ours.prefix}-net-${target.agentId}`,
    Labels: { ...it.labels('network', target.agentId) },
  }
  await docker.createNetwork(network)
  symlinkSync('/etc', own)
  expect((await call('POST', `/containers/create?name=${name}`, body)).status).toBe(400)
  // Swapped between the look and the start: a race that no look can win.
  const fine = { ...target, agentId: target.agentId }
  unlinkSync(own)
  mkdirSync(own)
  expect(
    (
      await call(
        'POST',
        `/containers/create?name=${name}`,
        agentCreation(fine, facts.keysDir, facts.image).body,
      )
    ).status,
  ).toBe(201)
  rmdirSync(own)
  symlinkSync('/etc', own)
  expect((await call('POST', `/containers/${name}/start`)).status).toBeGreaterThanOrEqual(400)
  expect((await docker.getContainer(name).inspect()).State.Running).toBe(false)

  // On a mount that follows links the engine takes it, which the proxy does not let it come to.
  const plain = join(it.folder, 'plain')
  const unmount = mountKeys(plain, 'relatime')
  try {
    symlinkSync('/etc', join(plain, 'link'))
    const bind = { Type: 'bind', Source: join(plain, 'link'), Target: '/m', ReadOnly: true } as const
    const made = await docker.createContainer({
      Image: image,
      Cmd: ['/bin/cat', '/m/passwd'],
      Tty: true,
      HostConfig: { Mounts: [bind], NetworkMode: 'none' },
    })
    await made.start()
    await made.wait()
    expect(String(await made.logs({ stdout: true }))).toContain('root:x:0:0')
    await made.remove()
    const other = sample({ keysDir: plain })
    const { requireKeysMount } = await import('./keys-mount.ts')
    expect(() => requireKeysMount(other.keysDir)).toThrow('follows symbolic links')
  } finally {
    unmount()
  }
})
