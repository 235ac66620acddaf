import { randomBytes } from 'node:crypto'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { describe, expect, test } from 'vitest'
import type { Answer } from '../testing/client.ts'
import { accept, stepUp, team } from '../testing/team.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const said = ({ status, body }: Answer) => [status, body?.code ?? body?.role]
const newcomer = async () => stepUp(await api.signUp())
const open = async (t: Awaited<ReturnType<typeof team>>) =>
  (await t.owner.get(`/api/workspaces/${t.id}/invitations`)).body.items

describe('an invitation', () => {
  test('shows its token once, is kept as a hash, and lets its address in once', async () => {
    const t = await team(api)
    const ed = await newcomer()
    const made = await t.invite(t.owner, ed.user!.email.toUpperCase(), 'editor')
    expect(made.status, made.text).toBe(201)
    const { token, ...shown } = made.body
    expect(token).toMatch(/^nora_invite_[\w-]{43}$/)
    expect(made.headers.get('location')).toBe(`/api/workspaces/${t.id}/invitations/${shown.id}`)
    const days = (Date.parse(shown.expiresAt) - Date.parse(shown.createdAt)) / 86_400_000
    expect(days).toBeCloseTo(7, 3)
    expect(await open(t)).toEqual([shown])
    const stored = await database.asSuperuser('select i::text as row from nora.invitations i where id = $1', [
      shown.id,
    ])
    expect(stored[0]!['row']).not.toContain(token)
    expect(api.logged.join('\n')).not.toContain(token)
    expect(said(await accept(ed, token))).toEqual([200, 'editor'])
    expect(await open(t)).toEqual([])
    expect(said(await accept(ed, token))).toEqual([404, 'not-found'])
    const events = await database.asSuperuser(
      'select event_type from nora.audit_log where workspace_id = $1 order by seq',
      [t.id],
    )
    expect(events.map((row) => row['event_type'])).toEqual([
      'WORKSPACE_CREATED',
      'INVITATION_CREATED',
      'INVITATION_ACCEPTED',
      'MEMBER_ADDED',
    ])
  })

  test('is nothing to another address, when expired, replaced, taken back, or made up: all the same answer', async () => {
    const t = await team(api)
    const [ed, thief] = [await newcomer(), await newcomer()]
    const first = (await t.invite(t.owner, ed.user!.email, 'editor')).body
    const second = (await t.invite(t.owner, ed.user!.email, 'viewer')).body
    expect(await open(t)).toHaveLength(1)
    const refused = [
      await accept(thief, second.token),
      await accept(ed, first.token),
      await accept(ed, `nora_invite_${randomBytes(32).toString('base64url')}`),
      await accept(ed, 'x'),
    ]
    await database.asSuperuser(`update nora.invitations set expires_at = now() where id = $1`, [second.id])
    refused.push(await accept(ed, second.token))
    expect(await open(t)).toEqual([])
    const third = (await t.invite(t.owner, ed.user!.email, 'viewer')).body
    const path = `/api/workspaces/${t.id}/invitations/${third.id}`
    expect((await thief.delete(path)).status).toBe(404)
    expect((await t.owner.delete(path)).status).toBe(204)
    expect((await t.owner.delete(path)).status).toBe(404)
    refused.push(await accept(ed, third.token))
    for (const answer of refused) {
      expect({ ...answer.body, correlationId: '' }).toEqual({ ...refused[0]!.body, correlationId: '' })
      expect(said(answer)).toEqual([404, 'not-found'])
    }
    expect(Object.keys(await t.roles())).toEqual([t.owner.user!.id])
  })

  test('raced by many joins once', async () => {
    const t = await team(api)
    const ed = await newcomer()
    const { token } = (await t.invite(t.owner, ed.user!.email, 'editor')).body
    const answers = await Promise.all(Array.from({ length: 8 }, () => accept(ed, token)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(404)])
  })

  test('grants nothing above its maker, and no more once its maker may not', async () => {
    const t = await team(api)
    const admin = await t.join('admin')
    expect(said(await t.invite(admin, 'x@nora.test', 'owner'))).toEqual([403, 'role-too-high'])
    const [one, two, three] = [await newcomer(), await newcomer(), await newcomer()]
    const byOwner = (await t.invite(t.owner, three.user!.email, 'owner')).body
    const path = `/api/workspaces/${t.id}/invitations/${byOwner.id}`
    expect(said(await admin.delete(path))).toEqual([403, 'role-too-high'])
    expect(said(await t.invite(admin, three.user!.email, 'viewer'))).toEqual([403, 'role-too-high'])
    const invited = async (who: typeof one) => (await t.invite(admin, who.user!.email, 'admin')).body.token
    const tokens = [await invited(one), await invited(two)]
    await t.setRole(t.owner, admin, 'editor')
    expect(said(await accept(one, tokens[0]))).toEqual([404, 'not-found'])
    await t.setRole(t.owner, admin, 'admin')
    expect(said(await accept(one, tokens[0]))).toEqual([404, 'not-found'])
    const again = await invited(two)
    await t.remove(t.owner, admin)
    expect(said(await accept(two, again))).toEqual([404, 'not-found'])
    expect(said(await accept(three, byOwner.token))).toEqual([200, 'owner'])
    // The same where the rows were left behind: acceptance judges its maker again.
    const late = (await t.invite(three, one.user!.email, 'owner')).body
    for (const role of ['editor', 'admin']) {
      await database.asSuperuser(
        `update nora.memberships set role = $3 where workspace_id = $1 and user_id = $2`,
        [t.id, three.user!.id, role],
      )
      expect(said(await accept(one, late.token))).toEqual([404, 'not-found'])
    }
  })

  test('neither raises nor lowers a member, and is not made for one', async () => {
    const t = await team(api)
    const admin = await t.join('admin')
    expect(said(await t.invite(t.owner, admin.user!.email.toUpperCase(), 'viewer'))).toEqual([
      409,
      'already-member',
    ])
    for (const [role, held] of [
      ['viewer', 'admin'],
      ['owner', 'viewer'],
    ] as const) {
      const who = await newcomer()
      const { token } = (await t.invite(t.owner, who.user!.email, role)).body
      await database.asSuperuser(
        'insert into nora.memberships (workspace_id, user_id, role) values ($1, $2, $3)',
        [t.id, who.user!.id, held],
      )
      expect(said(await accept(who, token))).toEqual([200, held])
      expect((await t.roles())[who.user!.id]).toBe(held)
    }
  })

  test('of somebody who was removed does not bring them back', async () => {
    const t = await team(api)
    const ed = await newcomer()
    const { token } = (await t.invite(t.owner, ed.user!.email, 'editor')).body
    await database.asSuperuser(
      `insert into nora.memberships (workspace_id, user_id, role) values ($1, $2, 'viewer')`,
      [t.id, ed.user!.id],
    )
    expect((await t.remove(t.owner, ed)).status).toBe(204)
    expect(said(await accept(ed, token))).toEqual([404, 'not-found'])
  })

  test('is one of fifty at the most; expired ones make room', async () => {
    const t = await team(api)
    const invite = (n: number) => t.invite(t.owner, `guest-${n}@nora.test`, 'viewer')
    for (let n = 0; n < 50; n++) expect((await invite(n)).status).toBe(201)
    expect(said(await invite(50))).toEqual([422, 'invitation-limit'])
    expect((await invite(3)).status).toBe(201)
    const page = await t.owner.get(`/api/workspaces/${t.id}/invitations?limit=30`)
    expect(page.body.items).toHaveLength(30)
    const rest = await t.owner.get(
      `/api/workspaces/${t.id}/invitations?limit=30&cursor=${page.body.nextCursor}`,
    )
    expect([rest.body.items.length, rest.body.nextCursor]).toEqual([20, null])
    await database.asSuperuser('update nora.invitations set expires_at = now() where workspace_id = $1', [
      t.id,
    ])
    expect((await invite(50)).status).toBe(201)
  })

  test('is an admin’s business, and a repeat with the same key does not show the token again', async () => {
    const t = await team(api)
    const ed = await t.join('editor')
    expect(said(await ed.get(`/api/workspaces/${t.id}/invitations`))).toEqual([403, 'forbidden'])
    expect(said(await t.invite(ed, 'x@nora.test', 'viewer'))).toEqual([403, 'forbidden'])
    const post = () =>
      t.owner.post(
        `/api/workspaces/${t.id}/invitations`,
        { email: 'k@nora.test', role: 'viewer' },
        { 'idempotency-key': 'one' },
      )
    expect((await post()).status).toBe(201)
    expect(said(await post())).toEqual([409, 'idempotency-not-replayable'])
    for (const body of [{}, { email: 'x', role: 'viewer' }, { email: 'x@nora.test', role: 'root' }]) {
      expect((await t.owner.post(`/api/workspaces/${t.id}/invitations`, body)).status).toBe(400)
    }
  })
})
