import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ApiClient, apiClient } from '@nora/supervisor/demo/client'
import type { StandInProvider } from '@nora/supervisor/demo/provider'
import type { Checks } from './checks.ts'
import type { Place } from './place.ts'
import type { Send } from './send.ts'

export type Account = { email: string; password: string }
export type Person = Account & { api: ApiClient; workspace: string; userId: string }

/** What the checks share: where, how to ask, and what earlier ones made. */
export type World = {
  place: Place
  checks: Checks
  send: Send
  signal: AbortSignal
  /** The server's platform admin. */
  alice?: Person | undefined
  /** Somebody else, with a workspace of their own. */
  bob?: Person | undefined
  provider?: StandInProvider | undefined
  /** What agents ask with, and where. */
  target?: { apiKey: string; baseUrl: string; model: string }
  /** Every value that the key had. */
  apiKeys: string[]
  keyId?: string
  agentId?: string
}

/** Who this suite made on an earlier run: an address may sign up three people in ten minutes only. */
export type Known = { alice?: Account; bob?: Account }

const file = (place: Place) => place.installation && join(place.installation.layout.config, 'black-box.json')

export async function readKnown(place: Place): Promise<Known> {
  const path = file(place)
  const text = path && (await readFile(path, 'utf8').catch(() => undefined)) // the first run has none
  return text ? (JSON.parse(text) as Known) : {}
}

export async function writeKnown(place: Place, known: Known): Promise<void> {
  const path = file(place)
  if (path) await writeFile(path, JSON.stringify(known), { mode: 0o600 })
}

export const newAccount = (name: string): Account => ({
  email: `${name}-${randomBytes(4).toString('hex')}@nora.invalid`,
  password: randomBytes(15).toString('base64url'),
})

/** Signs in as a program does. Undefined when the password is not theirs. */
export async function enter(
  { place, signal }: Pick<World, 'place' | 'signal'>,
  account: Account,
): Promise<Person | undefined> {
  const api = apiClient(place.url, signal)
  const answer = await api.call('POST', 'auth/login', {
    body: { ...account, transport: 'bearer' },
    expect: [200, 401],
  })
  if (answer.status === 401) return undefined
  api.signIn(String(answer.body['accessToken']))
  const { body: me } = await api.call('GET', 'auth/me', { expect: [200] })
  const user = me['user'] as { id: string }
  return { ...account, api, workspace: String(me['personalWorkspaceId']), userId: user.id }
}

/** The same person in another workspace. */
export function within({ api }: Person, workspace: string, signal: AbortSignal): ApiClient {
  const other = apiClient(api.url, signal, { 'x-nora-workspace': workspace })
  other.signIn(api.token() ?? '')
  return other
}
