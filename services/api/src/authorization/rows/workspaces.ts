import { from, signedIn } from '../cells.ts'
import { type Row, route } from '../row.ts'

const ids = { id: 'workspace' } as const
const member = { id: 'workspace', userId: 'member' } as const

export const workspaceRows: Row[] = [
  route('GET /api/workspaces', signedIn(200)),
  route('POST /api/workspaces', signedIn(201), { body: { name: 'Another' } }),
  route('GET /api/workspaces/:id', from('viewer', 200), { ids }),
  route('PATCH /api/workspaces/:id', from('admin', 200), { ids, body: { name: 'Renamed' } }),
  route('DELETE /api/workspaces/:id', from('owner', 204), { ids, query: 'force=true', apart: true }),

  route('GET /api/workspaces/:id/members', from('viewer', 200), { ids }),
  route('PATCH /api/workspaces/:id/members/:userId', from('admin', 200), {
    when: 'an editor',
    ids: member,
    body: { role: 'viewer' },
    stepUp: true,
  }),
  route(
    'PATCH /api/workspaces/:id/members/:userId',
    { ...from('owner', 200), admin: '403 role-too-high' },
    { when: 'making an editor an owner', ids: member, body: { role: 'owner' }, stepUp: true },
  ),
  route(
    'PATCH /api/workspaces/:id/members/:userId',
    { ...from('owner', 200), admin: '403 role-too-high' },
    {
      when: 'another owner',
      ids: { id: 'workspace', userId: 'secondOwner' },
      body: { role: 'viewer' },
      stepUp: true,
    },
  ),
  route('DELETE /api/workspaces/:id/members/:userId', from('admin', 204), {
    when: 'an editor',
    ids: member,
    stepUp: true,
  }),
  route(
    'DELETE /api/workspaces/:id/members/:userId',
    { ...from('owner', 204), admin: '403 role-too-high' },
    { when: 'another owner', ids: { id: 'workspace', userId: 'secondOwner' }, stepUp: true },
  ),
  route(
    'DELETE /api/workspaces/:id/members/:userId',
    { ...from('viewer', 204), owner: '409 last-owner' },
    { when: 'oneself', ids: { id: 'workspace', userId: 'ownUser' }, apart: true },
  ),

  route('GET /api/workspaces/:id/invitations', from('admin', 200), { ids }),
  route('POST /api/workspaces/:id/invitations', from('admin', 201), {
    when: 'a viewer',
    ids,
    body: { email: 'guest@nora.test', role: 'viewer' },
    stepUp: true,
  }),
  route(
    'POST /api/workspaces/:id/invitations',
    { ...from('owner', 201), admin: '403 role-too-high' },
    { when: 'an owner', ids, body: { email: 'guest@nora.test', role: 'owner' }, stepUp: true },
  ),
  route('DELETE /api/workspaces/:id/invitations/:invitationId', from('admin', 204), {
    ids: { id: 'workspace', invitationId: 'invitation' },
  }),
  route('GET /api/workspaces/:id/api-keys', from('admin', 200), { ids }),
  route('POST /api/workspaces/:id/api-keys', from('admin', 201), {
    ids,
    body: { name: 'ci', scopes: ['agents:read'] },
    stepUp: true,
  }),
  route('POST /api/workspaces/:id/api-keys/:keyId/rotate', from('admin', 200), {
    when: 'an own one',
    ids: { id: 'workspace', keyId: 'ownApiKey' },
    stepUp: true,
  }),
  route('POST /api/workspaces/:id/api-keys/:keyId/rotate', from('admin', '403 not-your-api-key'), {
    when: 'somebody else’s',
    ids: { id: 'workspace', keyId: 'apiKey' },
  }),
  route('DELETE /api/workspaces/:id/api-keys/:keyId', from('admin', 204), {
    ids: { id: 'workspace', keyId: 'apiKey' },
  }),
  route('POST /api/workspaces/invitations/accept', signedIn(200), {
    when: 'made for one’s own address',
    apart: true,
    body: async (world, caller) => ({ token: await world.id('ownInvitationToken', caller) }),
  }),
  route('POST /api/workspaces/invitations/accept', signedIn('404 not-found'), {
    when: 'made for another',
    body: async (world, caller) => ({ token: await world.id('invitationToken', caller) }),
  }),
]
