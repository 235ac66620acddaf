import { type Answer, type Client, signedIn, within } from '../client.ts'
import type { Processes } from '../processes.ts'
import { type Provider, startProvider } from '../provider.ts'

export type Seeded = {
  /** The owner of the server and of the workspace. */
  owner: Client
  workspaceId: string
  agentId: string
  /** Grace, who is an editor. */
  userId: string
  provider: Provider
}

/** Password of everybody whom `signedIn` makes. */
export const passwordOf = (name: string): string => `correct horse ${name} battery`
export const emailOf = (name: string): string => `${name}@example.test`

/**
 * Fills a new server as people would: ada claims it and has a workspace with an editor (grace) and a viewer (alan), keys, a
 * program's key, an agent that runs and has answered, one that is stopped and one whose image is not there.
 */
export async function seed(stack: Processes): Promise<Seeded> {
  const ada = await signedIn(stack, 'ada')
  const grace = await signedIn(stack, 'grace')
  const alan = await signedIn(stack, 'alan')
  await done(ada.post('auth/step-up', { password: passwordOf('ada') }))
  const workspaceId = await idOf(ada.post('workspaces', { name: 'Research' }))
  for (const [person, name, role] of [
    [grace, 'grace', 'editor'],
    [alan, 'alan', 'viewer'],
  ] as const) {
    const invitation = { email: emailOf(name), role }
    const { token } = await done(ada.post(`workspaces/${workspaceId}/invitations`, invitation))
    await done(person.post('workspaces/invitations/accept', { token }))
  }
  const open = { email: 'edsger@example.test', role: 'admin' }
  await done(ada.post(`workspaces/${workspaceId}/invitations`, open))
  const owner = within(stack, ada, workspaceId)
  const baseUrl = `http://${stack.provider.host}:${stack.provider.port}/v1`
  const key = await idOf(
    owner.post('llm-providers', {
      provider: 'openai-compatible',
      label: 'Local model',
      baseUrl,
      secret: { apiKey: 'sk-test-0123456789abcdefghij' },
    }),
  )
  await done(
    owner.post('llm-providers', {
      provider: 'anthropic',
      label: 'Claude, production',
      secret: { apiKey: 'sk-ant-test-0123456789abcdefghij' },
    }),
  )
  await done(
    owner.post('integrations', {
      provider: 'github',
      label: 'Bot account',
      secret: { token: 'ghp_0123456789abcdefghijklmnopqrstuvwxyz' },
    }),
  )
  await done(
    owner.post(`workspaces/${workspaceId}/api-keys`, {
      name: 'Nightly report',
      scopes: ['agents:read', 'agents:invoke'],
    }),
  )
  const agentId = await owner.deploy({ name: 'summarizer', runtime: 'starter', providerKeyIds: [key] })
  const stopped = await owner.deploy({ name: 'translator', runtime: 'starter' })
  await owner.deploy({
    name: 'scraper',
    runtime: 'image',
    image: 'registry.invalid/team/scraper:1.4',
    port: 8080,
  })
  await owner.until(agentId, 'running', 240_000)
  await owner.until(stopped, 'running', 240_000)
  const provider = await startProvider(stack.provider)
  for (const content of ['Hello', 'What is new?', 'Thanks'])
    await owner.post(`agents/${agentId}/invoke/v1/chat/completions`, {
      model: 'test',
      messages: [{ role: 'user', content }],
    })
  await owner.post(`agents/${stopped}/stop`)
  await owner.until(stopped, 'stopped')
  const { body } = await grace.get<{ user: { id: string } }>('auth/me')
  return { owner, workspaceId, agentId, userId: body.user.id, provider }
}

async function done(answer: Promise<Answer>): Promise<Answer['body']> {
  const { status, body } = await answer
  if (status >= 300) throw new Error(`${status} ${JSON.stringify(body)}`)
  return body
}

const idOf = async (answer: Promise<Answer>): Promise<string> => String((await done(answer))['id'])
