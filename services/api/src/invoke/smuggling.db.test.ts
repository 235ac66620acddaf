import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { expect, test } from 'vitest'
import { invokedAgent } from '../testing/invoked-agent.ts'
import { sendRaw } from '../testing/raw.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const agent = invokedAgent(database, api)

// A head without an end: the next request on the api's connection to the gateway would complete it, with the capability
// of whoever sent that one.
test.each(['GET', 'DELETE'])(
  'the body of a %s whose length a Connection header disowns is no second request',
  async (method) => {
    const seen: string[] = []
    agent.handle = (request, response) => {
      request.resume().once('end', () => {
        seen.push(`${request.method} ${request.url}`)
        response.end(`you asked ${request.url}`)
      })
    }
    const smuggled = `DELETE /agents/${agent.agentId}/smuggled HTTP/1.1\r\nx-swallow: `
    await sendRaw(
      api.url,
      `${method} ${agent.path('/first')} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${agent.owner.accessToken}\r\n` +
        `connection: close, content-length\r\ncontent-length: ${smuggled.length}\r\n\r\n${smuggled}`,
    )
    const answer = await agent.owner.get(agent.path('/later'))
    expect(seen).toEqual([`${method} /first`, 'GET /later'])
    expect([answer.status, answer.text]).toEqual([200, 'you asked /later'])
  },
)
