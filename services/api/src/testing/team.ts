import { expect } from 'vitest'
import type { Client } from './client.ts'
import { password, type TestApi } from './test-api.ts'

export type Role = 'viewer' | 'editor' | 'admin' | 'owner'

/** A workspace with its owner, and what a test of people does in it. Everybody has stepped up. */
export type Team = {
  id: string
  owner: Client
  /** `x-nora-workspace`. */
  headers: { 'x-nora-workspace': string }
  /** Signs somebody up and has them join, by an invitation of the owner's. */
  join: (role: Role) => Promise<Client>
  invite: (by: Client, email: string, role: Role) => ReturnType<Client['post']>
  setRole: (by: Client, whose: Client, role: Role, transfer?: boolean) => ReturnType<Client['patch']>
  remove: (by: Client, whom: Client) => ReturnType<Client['delete']>
  /** Role by user id, as the owner of this object sees it. */
  roles: (seenBy?: Client) => Promise<Record<string, Role>>
}

export async function stepUp(who: Client): Promise<Client> {
  const answer = await who.post('/api/auth/step-up', { password })
  expect(answer.status, answer.text).toBe(204)
  return who
}

export const accept = (who: Client, token: string) =>
  who.post('/api/workspaces/invitations/accept', { token })

export async function team(api: TestApi): Promise<Team> {
  const owner = await stepUp(await api.signUp())
  const made = await owner.post('/api/workspaces', { name: 'Team' })
  expect(made.status, made.text).toBe(201)
  const path = `/api/workspaces/${made.body.id}`
  const invite: Team['invite'] = (by, email, role) => by.post(`${path}/invitations`, { email, role })
  return {
    id: made.body.id,
    owner,
    headers: { 'x-nora-workspace': made.body.id },
    invite,
    join: async (role) => {
      const who = await stepUp(await api.signUp())
      const invitation = await invite(owner, who.user!.email, role)
      expect(invitation.status, invitation.text).toBe(201)
      const joined = await accept(who, invitation.body.token)
      expect(joined.status, joined.text).toBe(200)
      return who
    },
    setRole: (by, whose, role, transfer) =>
      by.patch(`${path}/members/${whose.user!.id}`, { role, ...(transfer && { transfer }) }),
    remove: (by, whom) => by.delete(`${path}/members/${whom.user!.id}`),
    roles: async (seenBy = owner) => {
      const { body } = await seenBy.get(`${path}/members`)
      return Object.fromEntries(
        body.items.map((one: { userId: string; role: Role }) => [one.userId, one.role]),
      )
    },
  }
}
