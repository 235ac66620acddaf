import { once } from 'node:events'
import { createServer } from 'node:http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readInstallation } from './installation.ts'
import { type StandIn, standInInstallation } from './stand-in.fixture.ts'
import { waitUntilReady } from './start.ts'

let standIn: StandIn
beforeEach(async () => {
  standIn = await standInInstallation()
})
afterEach(() => standIn.remove())

test('who else has the port is not taken for the api: set-up ends with the reason, and once the port is free it is ready', async () => {
  const { port } = await readInstallation(standIn.layout)
  const stranger = createServer((_, response) => response.setHeader('x-nora-instance', 'x').end('{}'))
  await once(stranger.listen(port, '127.0.0.1'), 'listening')
  const supervisor = standIn.run()
  try {
    await standIn.untilStatus(() => true)
    await expect(waitUntilReady(standIn.layout, () => undefined)).rejects.toThrow(
      `another program has port ${port}: stop it, or give NORA_PORT in ${standIn.layout.config}/installation.env another number`,
    )
    expect(await standIn.status()).toMatchObject({ ready: false, failed: null })
    stranger.closeAllConnections()
    stranger.close()
    expect(await standIn.untilStatus((now) => now.ready)).toMatchObject({ blocked: null })
  } finally {
    stranger.close()
    process.kill(supervisor.pid, 'SIGTERM')
    await supervisor.exited
  }
})
