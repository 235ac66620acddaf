import { once } from 'node:events'
import { connect } from 'node:net'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { expect, test } from 'vitest'
import { invokedAgent } from '../testing/invoked-agent.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const agent = invokedAgent(database, api)

/** Sends `text` to the api over a connection of its own and gives all that comes back. */
async function raw(text: string): Promise<string> {
  const { hostname, port } = new URL(api.url)
  const socket = connect(Number(port), hostname)
  let said = ''
  socket.setEncoding('utf8').on('data', (piece) => {
    said += piece
  })
  socket.write(text)
  await once(socket, 'close')
  return said
}

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
    await raw(
      `${method} ${agent.path('/first')} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${agent.owner.accessToken}\r\n` +
        `connection: close, content-length\r\ncontent-length: ${smuggled.length}\r\n\r\n${smuggled}`,
    )
    const answer = await agent.owner.get(agent.path('/later'))
    expect(seen).toEqual([`${method} /first`, 'GET /later'])
    expect([answer.status, answer.text]).toEqual([200, 'you asked /later'])
  },
)
