import type { Page } from 'playwright-core'
import type { Seeded } from '../dev/seed.ts'

/** The things that pages are about. */
export type Places = Pick<Seeded, 'workspaceId' | 'agentId' | 'userId'>

/** One page to look at: the name of its picture, its address, and what is there when it has come. */
export type Screen = {
  name: string
  app: 'console' | 'admin'
  /** Signed out, where it says so. */
  as: 'nobody' | 'ada'
  path: (places: Places) => string
  /** The text of the heading, or another sign that it is there. */
  ready: (page: Page) => Promise<unknown>
}

const heading = (name: string | RegExp) => (page: Page) =>
  page.getByRole('heading', { level: 1, name }).waitFor()
const screen = (
  name: string,
  path: string | ((places: Places) => string),
  ready: Screen['ready'],
  rest: Partial<Screen> = {},
): Screen => ({
  ...{ name, app: 'console', as: 'ada', ready, ...rest },
  path: typeof path === 'string' ? () => path : path,
})
const inWorkspace = (path: string) => (places: Places) => `/w/${places.workspaceId}${path}`
const ofAgent = (tab: string) => (places: Places) => `/w/${places.workspaceId}/agents/${places.agentId}${tab}`
const admin = { app: 'admin' } as const
const nobody = { as: 'nobody' } as const

/** The page that a server shows as long as nobody has claimed it. */
export const claimScreen: Screen = screen('claim', '/claim', heading('Claim this server'), nobody)

/** Every other page of both apps, as a server with some agents shows it. */
export const screens: Screen[] = [
  screen('sign-in', '/sign-in', heading('Sign in'), nobody),
  screen('sign-in-problem', '/sign-in/problem?code=oauth-refused&id=0', heading(/.+/), nobody),
  screen('sign-up', '/sign-up', heading(/account/i), nobody),
  screen('agents', inWorkspace('/agents'), heading('Agents')),
  screen('deploy', inWorkspace('/agents/new'), heading(/Deploy/)),
  screen('agent', ofAgent(''), heading('summarizer')),
  screen('agent-logs', ofAgent('/logs'), heading('summarizer')),
  screen('agent-chat', ofAgent('/chat'), heading('summarizer')),
  screen('agent-keys', ofAgent('/keys'), heading('summarizer')),
  screen('agent-activity', ofAgent('/activity'), heading('summarizer')),
  screen('agent-terminal', ofAgent('/terminal'), heading('summarizer')),
  screen('agent-settings', ofAgent('/settings'), heading('summarizer')),
  screen('provider-keys', inWorkspace('/credentials'), heading(/credentials/i)),
  screen('integrations', inWorkspace('/credentials/integrations'), heading(/credentials/i)),
  screen('exchange-credentials', inWorkspace('/credentials/exchange-credentials'), heading(/credentials/i)),
  screen('hub-keys', inWorkspace('/api-keys'), heading('Agent Hub keys')),
  screen('members', inWorkspace('/members'), heading('Members')),
  screen('workspace-settings', inWorkspace('/settings'), heading(/settings/i)),
  screen('audit', inWorkspace('/audit'), heading('Audit')),
  screen('new-workspace', '/workspaces/new', heading(/workspace/i)),
  screen('invitation', '/invitation', heading(/invitation/i)),
  screen('account', '/account', heading(/Account/)),
  screen('account-sign-in', '/account/sign-in', heading(/Account/)),
  screen('account-sessions', '/account/sessions', heading(/Account/)),
  screen('account-passkeys', '/account/passkeys', heading(/Account/)),
  screen('no-such-page', inWorkspace('/nowhere'), heading('No such page')),
  screen('admin-sign-in', '/admin/sign-in', heading('Admin sign-in'), { ...admin, ...nobody }),
  screen('admin-overview', '/admin/', heading('Overview'), admin),
  screen('admin-people', '/admin/users', heading('People'), admin),
  screen('admin-person', ({ userId }) => `/admin/users/${userId}`, heading(/@example/), admin),
  screen('admin-agents', '/admin/agents', heading('Agents'), admin),
  screen('admin-queue', '/admin/queue', heading('Queue'), admin),
  screen('admin-workers', '/admin/workers', heading('Workers'), admin),
  screen('admin-audit', '/admin/audit', heading('Audit'), admin),
  screen('admin-keys', '/admin/keys', heading('Encryption keys'), admin),
  screen('admin-settings', '/admin/settings', heading('Settings'), admin),
]
