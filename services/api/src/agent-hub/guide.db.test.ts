import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { expect, test } from 'vitest'
import { guide } from '../testing/guide.ts'
import { invokedAgent } from '../testing/invoked-agent.ts'
import { password, testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const agent = invokedAgent(database, api)

test('every command of the guide does what it says', async () => {
  const { owner } = agent
  const { named, run } = await guide(api, 'agent-hub.md')
  const { body } = await owner.get('/api/auth/me')
  Object.assign(named, {
    ...{ PASSWORD: password, TOKEN: owner.accessToken },
    WORKSPACE: body.personalWorkspaceId,
  })
  const key = { provider: 'openai', label: 'k', secret: { apiKey: 'sk-test' } }
  named['PROVIDER_KEY'] = (await owner.post('/api/llm-providers', key)).body.id
  agent.handle = (_request, response) => response.end('{}')

  const count = await run(async (answer) => {
    if (answer.body?.key) Object.assign(named, { KEY: answer.body.key, KEY_ID: answer.body.id })
    if (answer.body?.operation?.kind !== 'provision') return
    named['AGENT'] = answer.body.id
    await becomeRunning(answer.body.id)
  })
  expect(count).toBeGreaterThan(12)
})

/** As a worker would have it when the reader goes on. */
async function becomeRunning(id: string): Promise<void> {
  await database.asSuperuser(
    `update nora.operations set status = 'succeeded', finished_at = now() where agent_id = $1`,
    [id],
  )
  await database.asSuperuser(
    `update nora.agents set state = 'running', gateway_id = (select id from nora.gateways limit 1) where id = $1`,
    [id],
  )
  await agent.route(id, agent.owner, agent.programPort)
}
