import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { parseArgs } from 'node:util'
import { startProvider } from '@nora/supervisor/demo/provider'
import { lendSettings } from '@nora/supervisor/demo/stack'
import { startChecks } from './checks.ts'
import { findPlace, type Place } from './place.ts'
import { sender } from './send.ts'
import { agents, ending, team } from './testing/journey/agents.ts'
import { doors } from './testing/journey/doors.ts'
import { people } from './testing/journey/people.ts'
import { programs } from './testing/journey/programs.ts'
import { closedSignUp } from './testing/journey/sign-up.ts'
import { hammering, watching } from './testing/journey/watching.ts'
import { leftovers, machine } from './testing/machine/machine.ts'
import type { World } from './world.ts'

const help = `usage: npm run test:black-box -- --prefix DIR | --config DIR/etc/nora | --url URL [OPTIONS]

  --prefix DIR   an installation of this machine: its address, certificate and token are read from its files, and its
                 containers and processes are looked at too. DIR is / for the machine's own
  --config DIR   the same, by its folder of settings
  --url URL      where a server is, wherever its machine: HTTP and WebSocket alone
  --admin URL    where its admin app is, if it has an origin of its own
  --ca FILE      PEM of who signed its certificate
  --help         this page

With --url alone: NORA_SETUP_TOKEN claims a server that is new; NORA_BLACK_BOX_EMAIL and NORA_BLACK_BOX_PASSWORD are a
platform admin's on one that is not; NORA_DEMO_API_KEY (with NORA_DEMO_BASE_URL and NORA_DEMO_MODEL) lets agents answer.
It makes accounts, a key and an agent, and removes key and agent again. The last line is \`N passed, N failed\`.
`

const { values } = parseArgs({
  options: {
    ...{ url: { type: 'string' }, admin: { type: 'string' }, ca: { type: 'string' } },
    ...{ prefix: { type: 'string' }, config: { type: 'string' }, help: { type: 'boolean' } },
  },
})
const say = (line: string) => process.stdout.write(`${line}\n`)

async function run(place: Place): Promise<boolean> {
  // As trusted as what the system knows; for fetch and the sockets too.
  if (place.ca) setDefaultCACertificates([...getCACertificates('default'), place.ca])
  const stopping = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => stopping.abort(new Error('interrupted')))
  const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(900_000)])
  const checks = startChecks(say)
  const world: World = { place, checks, signal, send: sender(signal), apiKeys: [] }
  const { installation } = place
  try {
    await prepareProvider(world)
    await doors(world)
    await people(world)
    await agents(world)
    await programs(world)
    if (installation) await machine(world, installation)
    await ending(world)
    if (installation) await leftovers(world, installation)
    await team(world)
    await watching(world)
    if (installation) await closedSignUp(world, installation)
    else checks.leaveOut('sign-up can be closed', 'that is a setting of the machine: give --prefix')
    await hammering(world)
  } finally {
    if (world.provider && installation) {
      await lendSettings(installation, {}, AbortSignal.timeout(120_000)).catch((error: Error) =>
        say(error.message),
      )
    }
    await world.provider?.close()
  }
  return checks.finish()
}

/** Something for agents to ask: a stand-in on this machine, or a real one where the machine is elsewhere. */
async function prepareProvider(world: World): Promise<void> {
  const { place, signal } = world
  if (place.provider) world.target = place.provider
  else if (place.installation) {
    const apiKey = `black-box-${crypto.randomUUID()}`
    world.provider = await startProvider(apiKey, place.installation.engineSocket)
    world.target = { apiKey, baseUrl: world.provider.baseUrl, model: 'stand-in' }
    await lendSettings(place.installation, { NORA_PROVIDER_ALLOW_HOSTS: world.provider.host }, signal)
  }
}

if (values.help) process.stdout.write(help)
else {
  try {
    process.exitCode = (await run(await findPlace(values, process.env))) ? 0 : 1
  } catch (error) {
    say(error instanceof Error ? error.message : String(error))
    say('0 passed, 1 failed')
    process.exitCode = 2
  }
}
