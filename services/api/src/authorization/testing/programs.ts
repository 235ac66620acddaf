import { apiKeyScopes } from '@nora/contract/api-keys'
import { type Client, client } from '../../testing/client.ts'
import type { Program } from '../principals.ts'
import { makeApiKey } from './resources.ts'
import type { World } from './world.ts'

/** A caller with a key of the workspace, which became what its name says once it was made. */
export async function arrangeProgram(world: World, program: Program): Promise<Client> {
  const { api, database, maker } = world
  const scopes = program === 'programWithout' ? ['catalog:submit'] : apiKeyScopes
  const person = program === 'programOfViewer' ? await world.join('admin') : undefined
  if (person) await world.stepUp({ ...maker, ...person })
  const place = program === 'programElsewhere' ? await elsewhere(world) : world
  const { id, key } = await makeApiKey(place, person ?? maker, scopes)
  if (program === 'expiredProgram') {
    await database.asSuperuser(
      `update nora.api_keys set created_at = now() - interval '2 days', expires_at = now() - interval '1 day' where id = $1`,
      [id],
    )
  }
  if (program === 'revokedProgram') {
    await maker.client.delete(`/api/workspaces/${world.workspaceId}/api-keys/${id}`)
  }
  if (person) {
    await database.asSuperuser(
      `update nora.memberships set role = 'viewer' where workspace_id = $1 and user_id = $2`,
      [world.workspaceId, person.userId],
    )
  }
  return Object.assign(client(api), { accessToken: key })
}

/** Another workspace of the same owner's: what parts the two must be the key, not who made it. */
async function elsewhere(world: World): Promise<World> {
  const made = await world.maker.client.post('/api/workspaces', { name: 'elsewhere' })
  if (made.status !== 201) throw new Error(`making a workspace answered ${made.text}`)
  return { ...world, workspaceId: made.body.id, marker: 'elsewhere' }
}
