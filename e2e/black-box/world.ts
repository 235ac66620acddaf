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

/** A token works for ten minutes, and what a slow machine is asked here takes longer. */
const signInAgainMs = 8 * 60_000

/**
 * Signs in as a program does, and again before that is over: another session, without the step-up of the one before, and so never
 * soon after one. Undefined when the password is not theirs.
 */
export async function enter(
  { place, signal }: { place: Pick<Place, 'url'>; signal: AbortSignal },
  account: Account,
  clock = Date.now,
): Promise<Person | undefined> {
  const api = apiClient(place.url, signal)
  let until = 0
  const signIn = async () => {
    const next = clock() + signInAgainMs
    const answer = await apiClient(place.url, signal).call('POST', 'auth/login', {
      body: { ...account, transport: 'bearer' },
      expect: [200, 401],
    })
    if (answer.status === 401) return false
    api.signIn(String(answer.body['accessToken']))
    until = next
    return true
  }
  if (!(await signIn())) return undefined
  const lasting = async (forMs = 0) => {
    if (clock() + forMs < until || (await signIn())) return
    throw new Error(`${account.email} cannot sign in again`)
  }
  const renewed: ApiClient = {
    ...api,
    async call(method, path, options) {
      await lasting(path === 'auth/step-up' ? signInAgainMs / 2 : 0)
      return api.call(method, path, options)
    },
    async open(method, path, body) {
      await lasting()
      return api.open(method, path, body)
    },
  }
  const { body: me } = await renewed.call('GET', 'auth/me', { expect: [200] })
  const user = me['user'] as { id: string }
  return { ...account, api: renewed, workspace: String(me['personalWorkspaceId']), userId: user.id }
}

/** The same person in another workspace. */
export function within({ api }: Person, workspace: string, signal: AbortSignal): ApiClient {
  const other = apiClient(api.url, signal, { 'x-nora-workspace': workspace })
  other.signIn(api.token() ?? '')
  return other
}
