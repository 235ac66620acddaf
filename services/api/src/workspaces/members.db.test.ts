import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { describe, expect, test } from 'vitest'
import type { Answer } from '../testing/client.ts'
import { accept, type Role, stepUp, team } from '../testing/team.ts'
import { password, testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const said = ({ status, body }: Answer) => [status, body?.code ?? body?.role]
const anyId = '00000000-0000-4000-8000-000000000000'

describe('members', () => {
  test('are listed with role and address to every member, in pages, and to nobody else', async () => {
    const t = await team(api)
    const [vera, ed] = [await t.join('viewer'), await t.join('editor')]
    const first = await vera.get(`/api/workspaces/${t.id}/members?limit=2`)
    expect(first.body.items.map((one: { userId: string }) => one.userId)).toEqual([
      ed.user!.id,
      vera.user!.id,
    ])
    expect(first.body.items[1]).toEqual({
      userId: vera.user!.id,
      email: vera.user!.email,
      name: '',
      role: 'viewer',
      joinedAt: expect.stringMatching(/Z$/),
    })
    const rest = await vera.get(`/api/workspaces/${t.id}/members?limit=2&cursor=${first.body.nextCursor}`)
    expect(rest.body).toMatchObject({
      items: [{ userId: t.owner.user!.id, role: 'owner' }],
      nextCursor: null,
    })
    const stranger = await api.signUp()
    const foreign = await stranger.get(`/api/workspaces/${t.id}/members`)
    const absent = await stranger.get(`/api/workspaces/${anyId}/members`)
    expect(said(foreign)).toEqual([404, 'not-found'])
    expect({ ...foreign.body, correlationId: '' }).toEqual({ ...absent.body, correlationId: '' })
  })

  test('nobody grants a role above their own, or touches somebody who has one', async () => {
    const t = await team(api)
    const [admin, other, ed] = [await t.join('admin'), await t.join('admin'), await t.join('editor')]
    expect(said(await t.setRole(admin, ed, 'owner'))).toEqual([403, 'role-too-high'])
    expect(said(await t.setRole(admin, admin, 'owner'))).toEqual([403, 'role-too-high'])
    expect(said(await t.setRole(admin, t.owner, 'viewer'))).toEqual([403, 'role-too-high'])
    expect(said(await t.remove(admin, t.owner))).toEqual([403, 'role-too-high'])
    expect(said(await t.setRole(admin, ed, 'admin'))).toEqual([200, 'admin'])
    expect(said(await t.setRole(other, ed, 'viewer'))).toEqual([200, 'viewer'])
    for (const role of ['viewer', 'editor'] as Role[]) {
      const weak = await t.join(role)
      expect(said(await t.setRole(weak, weak, 'admin'))).toEqual([403, 'forbidden'])
      expect(said(await t.remove(weak, ed))).toEqual([403, 'forbidden'])
    }
    expect((await t.roles())[t.owner.user!.id]).toBe('owner')
  })

  test('nobody is made the owner of more workspaces than they may make', async () => {
    const t = await team(api)
    const ed = await t.join('editor')
    for (let n = 0; n < 9; n++) {
      const made = await ed.post('/api/workspaces', { name: `W${n}` }, { 'idempotency-key': `w${n}` })
      expect(made.status, made.text).toBe(201)
    }
    for (const transfer of [false, true]) {
      expect(said(await t.setRole(t.owner, ed, 'owner', transfer))).toEqual([422, 'workspace-limit'])
    }
    const other = await team(api)
    const { token } = (await other.invite(other.owner, ed.user!.email, 'owner')).body
    expect(said(await accept(ed, token))).toEqual([422, 'workspace-limit'])
    const { items } = (await ed.get('/api/workspaces')).body
    const last = items.findLast(
      (one: { personal: boolean; role: Role }) => !one.personal && one.role === 'owner',
    )
    expect((await ed.delete(`/api/workspaces/${last.id}`)).status).toBe(204)
    expect(said(await accept(ed, token))).toEqual([200, 'owner'])
    expect((await t.roles())[ed.user!.id]).toBe('editor')
  })

  test('roles change only in a session that has stepped up, which is that session alone and not for ever', async () => {
    const t = await team(api)
    const ed = await t.join('editor')
    const fresh = await api.login(t.owner.user!.email, password)
    expect(said(await t.setRole(fresh, ed, 'viewer'))).toEqual([403, 'step-up-required'])
    expect(said(await t.remove(fresh, ed))).toEqual([403, 'step-up-required'])
    expect(said(await t.invite(fresh, 'a@nora.test', 'viewer'))).toEqual([403, 'step-up-required'])
    await stepUp(fresh)
    expect(said(await t.setRole(fresh, ed, 'viewer'))).toEqual([200, 'viewer'])
    await database.asSuperuser(
      `update nora.sessions set stepped_up_until = now() - interval '1 second' where user_id = $1`,
      [t.owner.user!.id],
    )
    expect(said(await t.setRole(fresh, ed, 'editor'))).toEqual([403, 'step-up-required'])
  })

  test('a stranger, an absent member and a member of elsewhere are all absent', async () => {
    const [t, elsewhere] = [await team(api), await team(api)]
    const far = await elsewhere.join('viewer')
    for (const id of [anyId, far.user!.id, elsewhere.owner.user!.id]) {
      const path = `/api/workspaces/${t.id}/members/${id}`
      expect(said(await t.owner.patch(path, { role: 'viewer' }))).toEqual([404, 'not-found'])
      expect(said(await t.owner.delete(path))).toEqual([404, 'not-found'])
    }
    const path = `/api/workspaces/${t.id}/members/${t.owner.user!.id}`
    expect(said(await far.patch(path, { role: 'viewer' }))).toEqual([404, 'not-found'])
    expect(said(await far.delete(path))).toEqual([404, 'not-found'])
    for (const body of [{}, { role: 'root' }, { role: 'admin', x: 1 }, { role: null }, { role: ['owner'] }]) {
      expect((await t.owner.patch(path, body)).status).toBe(400)
    }
  })

  test('the last owner neither goes nor steps down; a disabled one does not count', async () => {
    const t = await team(api)
    const second = await t.join('owner')
    expect(said(await t.setRole(t.owner, t.owner, 'admin'))).toEqual([200, 'admin'])
    expect(said(await t.setRole(second, second, 'viewer'))).toEqual([409, 'last-owner'])
    expect(said(await t.remove(second, second))).toEqual([409, 'last-owner'])
    await t.setRole(second, t.owner, 'owner')
    await database.asSuperuser('update nora.users set disabled_at = now() where id = $1', [t.owner.user!.id])
    expect(said(await t.setRole(second, second, 'viewer'))).toEqual([409, 'last-owner'])
    expect(said(await t.remove(second, second))).toEqual([409, 'last-owner'])
    expect(said(await t.setRole(second, t.owner, 'owner', true))).toEqual([409, 'last-owner'])
  })

  test('ownership is handed over in one step', async () => {
    const t = await team(api)
    const ed = await t.join('editor')
    for (const [who, role] of [
      [ed, 'admin'],
      [t.owner, 'owner'],
    ] as const) {
      expect((await t.setRole(t.owner, who, role, true)).status).toBe(400)
    }
    expect(said(await t.setRole(t.owner, ed, 'owner', true))).toEqual([200, 'owner'])
    expect(await t.roles()).toEqual({ [t.owner.user!.id]: 'admin', [ed.user!.id]: 'owner' })
    expect(said(await t.setRole(t.owner, ed, 'viewer'))).toEqual([403, 'role-too-high'])
    const rows = await database.asSuperuser(
      `select target_id, details from nora.audit_log where workspace_id = $1 and event_type = 'PERMISSION_CHANGED' order by target_id`,
      [t.id],
    )
    expect(rows).toEqual(
      [
        { target_id: ed.user!.id, details: { from: 'editor', to: 'owner', transfer: true } },
        { target_id: t.owner.user!.id, details: { from: 'owner', to: 'admin', transfer: true } },
      ].sort((a, b) => (a.target_id < b.target_id ? -1 : 1)),
    )
  })

  test('a personal workspace may be shared and stays its person’s', async () => {
    const [ada, bob] = [await stepUp(await api.signUp()), await stepUp(await api.signUp())]
    const id = (await ada.get('/api/auth/me')).body.personalWorkspaceId
    const invitation = await ada.post(`/api/workspaces/${id}/invitations`, {
      email: bob.user!.email,
      role: 'owner',
    })
    expect(
      said(await bob.post('/api/workspaces/invitations/accept', { token: invitation.body.token })),
    ).toEqual([200, 'owner'])
    const path = `/api/workspaces/${id}/members/${ada.user!.id}`
    expect(said(await bob.patch(path, { role: 'admin' }))).toEqual([409, 'personal-workspace'])
    expect(said(await bob.delete(path))).toEqual([409, 'personal-workspace'])
    expect(said(await ada.delete(path))).toEqual([409, 'personal-workspace'])
    const hand = { role: 'owner', transfer: true }
    expect(said(await ada.patch(`/api/workspaces/${id}/members/${bob.user!.id}`, hand))).toEqual([
      409,
      'personal-workspace',
    ])
    // His own stays the default, although hers is older and personal too.
    const me = (await bob.get('/api/auth/me')).body
    expect(me.personalWorkspaceId).not.toBe(id)
    expect((await bob.get('/api/workspaces')).body.items).toMatchObject([
      { id: me.personalWorkspaceId, personal: true },
      { id, personal: false, role: 'owner' },
    ])
  })
})
