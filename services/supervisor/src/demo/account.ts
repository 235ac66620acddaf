import { randomBytes } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Installation } from '../installation.ts'
import type { ApiClient } from './client.ts'

/** The demo's account and what it made and has not removed yet (so that the next demo can). Kept in 0600. */
export type DemoRecord = { email: string; password: string; agents: string[]; keys: string[] }

const file = (installation: Installation) => join(installation.layout.config, 'demo.json')

export async function readRecord(installation: Installation): Promise<DemoRecord | undefined> {
  const text = await readFile(file(installation), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  return text === undefined ? undefined : (JSON.parse(text) as DemoRecord)
}

export async function writeRecord(installation: Installation, record: DemoRecord): Promise<void> {
  const path = file(installation)
  await writeFile(`${path}.new`, JSON.stringify(record), { mode: 0o600 })
  await rename(`${path}.new`, path)
}

/**
 * Signs in: claims the server with a generated account when nobody has, uses an earlier demo's account, or signs a
 * new one up. `given` is the operator's own account, for servers where nobody may sign up. Says which it was.
 */
export async function signIn(
  api: ApiClient,
  installation: Installation,
  given: { email: string; password: string } | undefined,
  say: (line: string) => void,
): Promise<DemoRecord> {
  const { body: status } = await api.call('GET', 'auth/bootstrap-status', { expect: [200] })
  let record = await readRecord(installation)
  if (given) record = { agents: [], keys: [], ...record, ...given }
  if (record && status['claimed'] === true && (await tryPassword(api, record))) {
    say(`signed in as ${record.email}`)
    return record
  }
  if (given) throw new Error('NORA_DEMO_EMAIL and NORA_DEMO_PASSWORD do not sign in: correct them')
  const claims = status['claimed'] !== true
  const id = randomBytes(4).toString('hex')
  const password = randomBytes(15).toString('base64url')
  record = { email: `demo-${id}@nora.invalid`, password, agents: [], keys: [] }
  // Written first: an account that was made and forgotten could not be used again.
  await writeRecord(installation, record)
  const token = installation.files.api['NORA_SETUP_TOKEN']
  await api
    .call('POST', 'auth/signup', {
      body: {
        email: record.email,
        password,
        name: 'Demo',
        ...(claims && token ? { setupToken: token } : {}),
      },
      expect: [202],
    })
    .catch((error: Error) => {
      if (!error.message.includes('signup-disabled')) throw error
      throw new Error(
        'nobody may sign up here: set NORA_DEMO_EMAIL and NORA_DEMO_PASSWORD to an account of yours',
      )
    })
  if (!(await tryPassword(api, record))) throw new Error(`the new account ${record.email} does not sign in`)
  say(claims ? 'claimed the server; the first account is its platform admin' : 'signed a demo account up')
  say(`account   ${record.email}   password ${password}`)
  return record
}

async function tryPassword(api: ApiClient, { email, password }: DemoRecord): Promise<boolean> {
  const answer = await api.call('POST', 'auth/login', {
    body: { email, password, transport: 'bearer' },
    expect: [200, 401],
  })
  if (answer.status === 401) return false
  api.signIn(String(answer.body['accessToken']))
  return true
}
