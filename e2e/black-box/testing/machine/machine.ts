import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { auditVerify } from '@nora/audit/verify-command'
import { stackServices } from '@nora/supervisor/compose/containers'
import { readStack } from '@nora/supervisor/compose/write-files'
import type { Installation } from '@nora/supervisor/installation'
import { askSupervisor } from '@nora/supervisor/status-socket'
import { holds, need, same } from '../../checks.ts'
import type { World } from '../../world.ts'
import { allowedTo, allowedToOurs, violations } from './container-rules.ts'
import { type Engine, engineOf } from './engine.ts'
import { askPostgres, lookAround, type Seen, secretsSeen, tryToReach } from './inside.ts'
import { type Secret, secretsFoundIn, secretsOf } from './secrets.ts'

const serviceLabel = 'com.docker.compose.service'

/** What the machine's side shows while an agent runs: every container, what the api's can reach, and where keys are. */
export async function machine(world: World, installation: Installation): Promise<void> {
  const { checks, signal } = world
  const { mode, id, layout } = installation
  checks.part(`the machine (${mode})`)
  const engine = engineOf(installation, signal)
  const secrets = await secretsOf(layout.config)
  const facts = { secrets, engineSocket: installation.engineSocket, config: layout.config }

  await checks.check('there are secrets to look for', async () => {
    const names = ['ENCRYPTION_KEY', 'JWT_SECRET', 'NORA_DB_PASSWORD_APP', 'NORA_SETUP_TOKEN']
    same(
      names.filter((name) => !secrets.some((one) => one.name.endsWith(name))),
      [],
      'not among them',
    )
  })
  await checks.check(
    'no agent and no gateway shows a secret, holds the socket, or has more than it needs',
    async () => {
      const ours = (await engine.containers(`com.nora.installation=${id}`)).filter(
        (one) => !one.Config.Labels?.[serviceLabel],
      )
      const role = (one: (typeof ours)[number]) => one.Config.Labels?.['com.nora.role'] ?? ''
      holds(
        ours.some((one) => role(one) === 'agent') && ours.some((one) => role(one) === 'gateway'),
        'there is no agent or no gateway',
      )
      same(
        ours.flatMap((one) => violations(one, allowedToOurs(role(one), mode), facts)),
        [],
        'found',
      )
    },
  )
  if (mode === 'compose') await stack(world, installation, engine, secrets)
  else await processes(world, installation, secrets)

  await checks.check('the settings that anybody who asks the engine can read hold no secret', async () => {
    if (mode === 'embedded') return
    const folder = join(layout.config, 'compose')
    const texts = [
      join(folder, '.env'),
      ...['api', 'worker', 'migrate', 'postgres'].map((name) => join(folder, `env/${name}.env`)),
    ]
    for (const path of texts) same(secretsFoundIn(await readFile(path, 'utf8'), secrets), [], path)
  })
  await checks.check('the audit’s files outside the database are whole, and signed', () =>
    auditFiles(installation),
  )
}

/** The stack of containers. */
async function stack(
  world: World,
  installation: Installation,
  engine: Engine,
  secrets: Secret[],
): Promise<void> {
  const { check } = world.checks
  const { layout } = installation
  const variables = await readStack(layout)
  const project = variables['NORA_PROJECT'] ?? ''
  const containers = await engine.containers(`com.docker.compose.project=${project}`)
  const facts = { secrets, engineSocket: installation.engineSocket, config: layout.config }
  const service = (one: (typeof containers)[number]) => one.Config.Labels?.[serviceLabel] ?? ''

  await check('every service has its container', async () => {
    const there = containers.map(service)
    same(
      stackServices.filter((name) => !there.includes(name)),
      [],
      'missing',
    )
  })
  await check(
    'no container of the stack shows a secret, holds the socket, or has more than it needs',
    async () => {
      const address = variables['NORA_PUBLISH_ADDRESS'] ?? ''
      same(
        containers.flatMap((one) => violations(one, allowedTo(service(one), address), facts)),
        [],
        'found',
      )
    },
  )
  await check('no image has a secret in its settings or in the lines that made it', async () => {
    const everybody = [
      ...containers,
      ...(await engine.containers(`com.nora.installation=${installation.id}`)),
    ]
    for (const image of new Set(everybody.map(({ Image }) => Image))) {
      same(secretsFoundIn(await engine.image(image), secrets), [], `image ${image}`)
    }
  })

  const api = `${project}-api`
  await check(
    'the api’s container holds no secret but its own, not in its environment, a file, or another process',
    async () => {
      const seen = JSON.parse(await engine.run(api, ['node', '-e', lookAround])) as Seen
      same(seen.uid, 10103, 'its uid')
      const own = secrets.filter(({ name }) => name.startsWith('compose/secrets/api/'))
      const foreign = secrets.filter(({ value }) => !own.some((one) => one.value === value))
      holds(
        foreign.some(({ name }) => name.endsWith('ENCRYPTION_KEY')),
        'the decryption key is not among what was looked for',
      )
      holds(secretsSeen(seen, own).length > 0, 'not even its own secrets were seen: the check sees nothing')
      same(secretsSeen(seen, foreign), [], 'seen')
    },
  )
  await check('the api’s container has no socket of the engine, nor of anybody', async () => {
    const seen = JSON.parse(await engine.run(api, ['node', '-e', lookAround])) as Seen
    same(seen.sockets, [], 'sockets')
  })
  await check('the api is nora_app in the database, and cannot be or read more', async () => {
    const said = JSON.parse(await engine.run(api, ['node', '-e', askPostgres]))
    same([said.name, said.super, said.bypass, said.makes], ['nora_app', false, false, false], 'who it is')
    for (const [sql, code] of Object.entries(said.refused)) same(code, '42501', sql)
  })
  await check('from an agent neither the api nor anything behind it can be reached', async () => {
    const [agent] = (await engine.containers(`com.nora.agent=${need(world.agentId, 'agent')}`)).filter(
      ({ State }) => State.Running,
    )
    const at = (name: string, port: number) => `${variables[name]}:${port}`
    const targets = [
      ...['NORA_EDGE_API', 'NORA_CONTROL_API', 'NORA_GATEWAYS_API'].map((name) => at(name, 8080)),
      ...[at('NORA_EDGE_NGINX', 8443), at('NORA_CONTROL_POSTGRES', 5432), at('NORA_CONTROL_REDIS', 6379)],
      ...['NORA_CONTROL_WORKER', 'NORA_OUT_WORKER', 'NORA_GATEWAYS_WORKER'].map((name) => at(name, 7070)),
      ...[at('NORA_EDGE_CONSOLE', 8080)],
    ]
    const reached = JSON.parse(
      await engine.run(need(agent, 'running agent').Id, ['/bin/node', '-e', tryToReach(targets)]),
    )
    same(reached, [], 'reached')
  })
}

/** The embedded shape: each process has a user of its own, and the api's was not given what opens secrets. */
async function processes({ checks }: World, { layout }: Installation, secrets: Secret[]): Promise<void> {
  const status = await askSupervisor(layout.statusSocket, 'status')
  await checks.check('every process runs as a user of its own, and not as root', async () => {
    if (!layout.separated) return
    const uids = await Promise.all(
      (status?.processes ?? []).map(async ({ name, pid }) => ({
        name,
        uid: (await stat(`/proc/${pid}`)).uid,
      })),
    )
    const ours = uids.filter(({ name }) => name !== 'engine')
    holds(ours.length >= 4 && ours.every(({ uid }) => uid !== 0), `as root: ${JSON.stringify(ours)}`)
    same(new Set(ours.map(({ uid }) => uid)).size, ours.length, 'users')
  })
  await checks.check('the api was not given the key that opens secrets', async () => {
    const pid = need(
      status?.processes.find(({ name }) => name === 'api')?.pid ?? undefined,
      'process of the api',
    )
    const [environment, words] = await Promise.all(
      ['environ', 'cmdline'].map((name) => readFile(`/proc/${pid}/${name}`, 'latin1')),
    )
    const foreign = secrets.filter(
      ({ name }) => /^(worker|migrate)\.env/.test(name) && !/DB_PASSWORD_APP|REDIS/.test(name),
    )
    same(secretsFoundIn(`${environment}\n${words}`, foreign), [], 'found')
  })
}

/** The worker's own copy of the audit (docs/audit.md), without the database. */
async function auditFiles({ layout }: Installation): Promise<void> {
  const folder = join(layout.data, 'worker/audit')
  let said = ''
  const out = (text: string) => {
    said += text
  }
  const code = await auditVerify(
    ['--public-key', join(folder, 'public-key.txt'), '--files', folder],
    {},
    { out, err: out },
  )
  same(code, 0, said.slice(0, 800))
}

/** Nothing of the agent stands on the engine any more, nor among the keys in memory. */
export async function leftovers(
  { checks, signal, agentId }: World,
  installation: Installation,
): Promise<void> {
  await checks.check('nothing of the deleted agent is left on the machine', async () => {
    const engine = engineOf(installation, signal)
    const label = `com.nora.agent=${need(agentId, 'agent')}`
    const [containers, networks, volumes] = await Promise.all([
      engine.containers(label),
      engine.networks(label),
      engine.volumes(label),
    ])
    same(
      [...containers.map((one) => one.Name), ...[...networks, ...volumes].map((one) => one.Name)],
      [],
      'left',
    )
  })
}
