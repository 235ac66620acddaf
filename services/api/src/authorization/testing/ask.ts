import { WebSocket } from 'ws'
import { letsIn, type Outcome } from '../cells.ts'
import type { Row } from '../row.ts'
import type { ResourceName } from './resources.ts'
import type { Caller, World } from './world.ts'

/** What came back: in the words of a cell, and the text that was sent. */
export type Came = { outcome: Outcome; text: string }
/** `method` stands for that of the row: a HEAD for its GET. */
export type Send = (method?: 'HEAD') => Promise<Came>

/** Makes all that the request of a row's cell names, and gives what sends it over a real connection. */
export async function prepare(world: World, row: Row, caller: Caller): Promise<Send> {
  const [own = '', url = ''] = row.route.split(' ')
  const { ids = {}, query, body } = row.example
  let path = url.replace('*', 'some/path')
  for (const [name, resource] of Object.entries<ResourceName>(ids)) {
    path = path.replace(`:${name}`, await world.id(resource, caller))
  }
  if (own === 'WS') return prepareSocket(world, path, caller)
  if (query !== undefined) path += `?${query}`
  const made = typeof body === 'function' ? await body(world, caller) : body
  return async (method) => {
    const options = { ...(made !== undefined && { body: made }), headers: caller.headers }
    const answer = await caller.client.request(method ?? own, path, options)
    if (answer.status < 400) return { outcome: answer.status, text: answer.text }
    const code = (method ?? own) === 'HEAD' ? 'HEAD' : (answer.body?.code ?? answer.text)
    return { outcome: `${answer.status} ${code}` as Outcome, text: answer.text }
  }
}

/** A HEAD has no body, so no code: its cell is that of the GET without it. */
export const ofHead = (outcome: Outcome): Outcome =>
  letsIn(outcome) ? outcome : (`${outcome.slice(0, 3)} HEAD` as Outcome)

/** With a ticket of the caller's own, or where that is refused one that somebody who may have it was given. */
async function prepareSocket(world: World, path: string, caller: Caller): Promise<Send> {
  const [, , , kind, agentId] = path.split('/')
  if (kind === 'admin') return prepareAdminSocket(world, path, caller)
  // A ticket for a terminal is for whoever has stepped up.
  if (kind === 'exec') await world.stepUp(caller)
  const asked = kind === 'events' ? { kind } : { kind, agentId }
  const ticketOf = ({ client, headers }: Caller) => client.post('/api/ws-tickets', asked, headers)
  const own = await ticketOf(caller)
  const { ticket } = own.status === 201 ? own.body : (await ticketOf(world.maker)).body
  const { accessToken } = caller.client
  const headers: Record<string, string> =
    accessToken === undefined ? { origin: world.api.origin } : { authorization: `Bearer ${accessToken}` }
  return openSocket(world, path, ticket, headers)
}

/** With the cookies that one has: only an admin session has any of its own. */
async function prepareAdminSocket(world: World, path: string, { client }: Caller): Promise<Send> {
  const own = await client.post('/api/admin/ws-tickets', { kind: 'admin' })
  const ticket = own.status === 201 ? own.body.ticket : 'A'.repeat(43)
  const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  return openSocket(world, path, ticket, { origin: world.api.origin, ...(cookie && { cookie }) })
}

function openSocket(world: World, path: string, ticket: string, headers: Record<string, string>): Send {
  const url = `${world.api.url.replace('http', 'ws')}${path}`
  return async () => {
    const socket = new WebSocket(url, ['nora.v1', `ticket.${ticket}`], { headers })
    try {
      return await new Promise<Came>((resolve, reject) => {
        socket.on('message', (data) => resolve({ outcome: 101, text: String(data) }))
        socket.on('close', (code) => resolve({ outcome: `closed ${code}`, text: '' }))
        socket.on('error', reject)
      })
    } finally {
      socket.terminate()
    }
  }
}
