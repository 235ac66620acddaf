import { randomBytes, randomUUID } from 'node:crypto'
import type { Caller, World } from './world.ts'

type Make = (world: World, caller: Caller) => Promise<string>

/** What the path of a route can name. Whatever begins with `own` is made for each caller, everything else once for a world. */
const resources = {
  workspace: async ({ workspaceId }) => workspaceId,
  /** Running, with nothing open. */
  agent: async (world) => {
    const id = await makeAgent(world)
    await database(
      world,
      `update nora.operations set status = 'succeeded', finished_at = now() where agent_id = $1`,
      id,
    )
    await database(
      world,
      `update nora.agents set state = 'running', state_reason = 'healthy', observed_generation = 1 where id = $1`,
      id,
    )
    return id
  },
  /** One whose first operation waits for a worker, and that operation. */
  newAgent: makeAgent,
  newAgentOperation: async (world, caller) => {
    const [row] = await world.database.asSuperuser<{ id: string }>(
      'select id from nora.operations where agent_id = $1',
      [await world.id('newAgent', caller)],
    )
    return row!.id
  },
  failedOperation: async (world) => {
    const agent = await makeAgent(world)
    const [row] = await world.database.asSuperuser<{ id: string }>(
      `update nora.operations set status = 'failed', finished_at = now(), error = '{"code":"x","message":"x"}'
       where agent_id = $1 returning id`,
      [agent],
    )
    return row!.id
  },
  key: (world) => makeKey(world, world.other, true),
  hiddenKey: (world) => makeKey(world, world.other, false),
  keyOperation: async (world, caller) => {
    const path = `/api/llm-providers/${await world.id('key', caller)}/test`
    return made(world.other, path, undefined, 202)
  },
  /** The caller's; of who may have none, the one that everybody sees. */
  ownKey: (world, caller) => (mayOwn(caller) ? makeKey(world, caller, false) : world.id('key', caller)),
  integration: (world) => makeKey(world, world.other, true, github),
  hiddenIntegration: (world) => makeKey(world, world.other, false, github),
  integrationOperation: async (world, caller) => {
    const path = `/api/integrations/${await world.id('integration', caller)}/test`
    return made(world.other, path, undefined, 202)
  },
  ownIntegration: (world, caller) =>
    mayOwn(caller) ? makeKey(world, caller, false, github) : world.id('integration', caller),
  exchangeCredential: (world) => makeExchangeCredential(world, world.other),
  exchangeOperation: async (world, caller) =>
    testOf(world.other, await world.id('exchangeCredential', caller)),
  /** Of who may have none, somebody else's, which nobody sees. */
  ownExchangeCredential: async (world, caller) =>
    mayOwn(caller) ? makeExchangeCredential(world, caller) : world.id('exchangeCredential', caller),
  ownExchangeOperation: async (world, caller) =>
    mayOwn(caller)
      ? testOf(caller, await world.id('ownExchangeCredential', caller))
      : world.id('exchangeOperation', caller),
  /** The caller's; of who may have none, the maker's. */
  ownApiKey: async (world, caller) => {
    if (!['admin', 'owner'].includes(caller.principal)) return world.id('apiKey', caller)
    await world.stepUp(caller)
    const id = (await makeApiKey(world, caller, ['agents:read'])).id
    await database(world, 'update nora.sessions set stepped_up_until = null where id = $1', caller.sessionId!)
    return id
  },
  /** Nobody's who asks. */
  apiKey: async (world) => {
    const person = await world.join('admin')
    await world.stepUp({ ...world.other, ...person })
    const { id } = await makeApiKey(world, { ...world.other, ...person }, ['agents:read'])
    return id
  },
  runtime: async () => 'starter',
  /** Somebody who belongs to no workspace but their own. */
  user: async (world) => {
    const { userId } = await world.join('viewer')
    await database(
      world,
      `delete from nora.memberships m using nora.workspaces w where m.user_id = $1 and w.id = m.workspace_id and w.personal_of is null`,
      userId,
    )
    return userId
  },
  member: async (world) => (await world.join('editor')).userId,
  secondOwner: async (world) => (await world.join('owner')).userId,
  ownUser: async (world, { userId }) => userId ?? world.other.userId!,
  session: async ({ other }) => other.sessionId!,
  ownSession: async ({ other }, { sessionId }) => sessionId ?? other.sessionId!,
  /** The one that authorization.db.test.ts sets up. */
  provider: async () => 'github',
  identity: (world) => makeIdentity(world, world.other.userId!),
  ownIdentity: (world, { userId }) => makeIdentity(world, userId ?? world.other.userId!),
  passkey: (world) => makePasskey(world, world.other.userId!),
  ownPasskey: (world, { userId }) => makePasskey(world, userId ?? world.other.userId!),
  /** Another workspace, to which whoever belongs to this one can still be invited. */
  elsewhere: ({ other }) => made(other, '/api/workspaces', { name: 'The other one' }),
  invitation: (world) =>
    made(world.maker, `/api/workspaces/${world.workspaceId}/invitations`, {
      email: `${world.marker}@nora.test`,
      role: 'viewer',
    }),
  invitationToken: (world) => invite(world, `${randomUUID()}@nora.test`),
  ownInvitationToken: (world, { email }) => invite(world, email ?? `${randomUUID()}@nora.test`),
} satisfies Record<string, Make>

export type ResourceName = keyof typeof resources

export async function makeResource(world: World, name: string, caller: Caller): Promise<string> {
  if (!Object.hasOwn(resources, name)) throw new Error(`testing/resources.ts makes no ${name}`)
  return (resources[name as ResourceName] as Make)(world, caller)
}

const database = (world: World, text: string, id: string) => world.database.asSuperuser(text, [id])

function makeAgent(world: World): Promise<string> {
  return made(world.maker, '/api/agents', { name: world.marker, runtime: 'starter' }, 202)
}

const mayOwn = ({ principal }: Caller) => ['editor', 'admin', 'owner'].includes(principal)
const openai = { path: '/api/llm-providers', provider: 'openai', field: 'apiKey' }
const github = { path: '/api/integrations', provider: 'github', field: 'token' }

function makeKey(
  world: World,
  { client, headers }: Caller,
  sharedWithWorkspace: boolean,
  { path, provider, field } = openai,
): Promise<string> {
  const secret = { [field]: `sk-${randomUUID()}` }
  return made({ client, headers }, path, { provider, label: world.marker, secret, sharedWithWorkspace })
}

function makeExchangeCredential(world: World, caller: Caller): Promise<string> {
  const secret = { apiKey: randomUUID(), apiSecret: randomUUID() }
  return made(caller, '/api/exchange-credentials', { exchange: 'binance', label: world.marker, secret })
}

const testOf = (caller: Caller, id: string) =>
  made(caller, `/api/exchange-credentials/${id}/test`, undefined, 202)

/** Made by somebody who has stepped up. */
export async function makeApiKey(
  { workspaceId, marker }: World,
  { client }: Pick<Caller, 'client'>,
  scopes: readonly string[],
): Promise<{ id: string; key: string }> {
  const answer = await client.post(`/api/workspaces/${workspaceId}/api-keys`, { name: marker, scopes })
  if (answer.status !== 201) throw new Error(`making a key answered ${answer.text}`)
  return answer.body
}

async function invite(world: World, email: string): Promise<string> {
  const path = `/api/workspaces/${await world.id('elsewhere', world.other)}/invitations`
  const answer = await world.other.client.post(path, { email, role: 'viewer' })
  if (answer.status !== 201) throw new Error(`inviting answered ${answer.text}`)
  return answer.body.token
}

async function makeIdentity(world: World, userId: string): Promise<string> {
  const [row] = await world.database.asSuperuser<{ id: string }>(
    `insert into nora.identities (user_id, provider, issuer, subject) values ($1, 'github', 'https://github.test', $2) returning id`,
    [userId, randomUUID()],
  )
  return row!.id
}

async function makePasskey(world: World, userId: string): Promise<string> {
  const [row] = await world.database.asSuperuser<{ id: string }>(
    `insert into nora.passkeys (user_id, credential_id, public_key, counter, label, backed_up)
     values ($1, $2, $2, 0, $3, false) returning id`,
    [userId, randomBytes(32), world.marker],
  )
  return row!.id
}

async function made(
  { client, headers }: Pick<Caller, 'client' | 'headers'>,
  path: string,
  body: unknown,
  status = 201,
): Promise<string> {
  const answer = await client.post(path, body, headers)
  if (answer.status !== status) throw new Error(`making a thing with POST ${path} answered ${answer.text}`)
  return answer.body.id
}
