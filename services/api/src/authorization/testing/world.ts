import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { makePassword, provePassword } from '@nora/crypto/passwords'
import { loginLookup, openSession, signUp } from '@nora/db/accounts'
import { openAdminSession } from '@nora/db/admin-session'
import type { TestDatabase } from '@nora/testing/postgres'
import { adminCsrfToken } from '../../admin/csrf.ts'
import { absoluteSeconds, idleSeconds, newRefreshToken } from '../../auth/tokens.ts'
import { type Client, client } from '../../testing/client.ts'
import { password, type TestApi } from '../../testing/test-api.ts'
import { isProgram, type Principal, type Program } from '../principals.ts'
import { arrangeProgram } from './programs.ts'
import { makeResource } from './resources.ts'

/** Somebody who asks, with a live session; of `anonymous` there is only the client. */
export type Caller = {
  principal: Principal
  client: Client
  /** In whose name: `x-nora-workspace`, or nothing for their own. */
  headers: Record<string, string>
  userId?: string
  email?: string
  sessionId?: string
  refreshToken?: string
  /** Gives an admin a token that is as young as one's who has just signed in. */
  renew?: () => void
}

/** One workspace and who stands around it. People and things are made when they are first asked for. */
export type World = {
  api: TestApi
  database: TestDatabase
  workspaceId: string
  /** In the name of everything in the workspace: whoever may not see it must not read it. */
  marker: string
  password: string
  /** A session of the owner's that has stepped up: for making things. */
  maker: Caller
  /** A second editor, stepped up: whose things are somebody else's to everybody who asks. */
  other: Caller
  as: (principal: Principal) => Promise<Caller>
  stepUp: (caller: Caller) => Promise<void>
  /** As if the session had never stepped up. */
  stepDown: (caller: Caller) => Promise<void>
  /** The same workspace and people, in which no thing has been made yet. */
  again: () => World
  /** The id (or token) of a thing of resources.ts: one for the world, or one for each caller where its name begins with `own`. */
  id: (resource: string, caller: Caller) => Promise<string>
  /** Somebody new in a role of this workspace. */
  join: (role: string) => Promise<Person>
}

export type Person = Required<Omit<Caller, 'principal' | 'headers'>>
export type Worlds = { make: () => Promise<World> }

/** Makes worlds. Accounts share one password, which is hashed once: an argon2id hash for each would take minutes. */
export async function worlds(api: TestApi, database: TestDatabase): Promise<Worlds> {
  const stored = await makePassword(password)
  const proof = await provePassword(stored.salt, password)

  const account = async (): Promise<{ userId: string; email: string }> => {
    const email = `${randomUUID()}@nora.test`
    const who = { email, name: '', ip: null, correlationId: 'arranged' }
    await signUp(database.app, { ...who, password: stored, setupOk: true, signupEnabled: true })
    return { userId: (await loginLookup(database.app, email))!.userId, email }
  }
  const signIn = async ({ userId, email }: { userId: string; email: string }): Promise<Person> => {
    const refresh = newRefreshToken()
    const session = await openSession(database.app, {
      transport: 'bearer',
      ...{ userId, passwordProof: proof, idleSeconds, absoluteSeconds },
      secretHash: createHash('sha256').update(refresh.secret).digest(),
      refreshHash: refresh.hash,
      tokenHash: randomBytes(32),
      ...{ ip: null, userAgent: null, correlationId: 'arranged' },
    })
    if (!session || session === 'second-factor-required') throw new Error('the sign-in was refused')
    const sessionId = session.id
    // Long enough ago that the sign-in itself is no recent proof of the password.
    await database.asSuperuser(
      `update nora.sessions set created_at = now() - interval '1 hour' where id = $1`,
      [sessionId],
    )
    const claims = { userId, sessionId, secret: refresh.secret, transport: 'bearer' as const }
    // Anew for each call: where the machine is slow the whole table takes longer than a token lives.
    const accessToken = { get: () => api.app.accessTokens.sign(claims), enumerable: true }
    const self = Object.defineProperty(client(api), 'accessToken', accessToken)
    return { client: self, userId, email, sessionId, refreshToken: refresh.text, renew: () => undefined }
  }
  const adminAccount = async () => {
    const person = await account()
    await database.asSuperuser(`update nora.users set platform_role = 'admin' where id = $1`, [person.userId])
    return person
  }
  const signInAsAdmin = async (person: { userId: string; email: string }): Promise<Person> => {
    const refresh = newRefreshToken()
    const sessionId = (await openAdminSession(database.app, {
      ...{ userId: person.userId, passwordProof: proof, refreshHash: refresh.hash },
      secretHash: createHash('sha256').update(refresh.secret).digest(),
      ...{ ip: null, userAgent: null, correlationId: 'arranged' },
    }))!
    const claims = { userId: person.userId, sessionId, secret: refresh.secret, transport: 'cookie' as const }
    const self = client(api)
    self.cookies.set('nora_admin_at', '').set('nora_admin_rt', refresh.text)
    const renew = () => {
      if (self.cookies.has('nora_admin_at'))
        self.cookies.set('nora_admin_at', api.app.adminTokens.sign(claims))
    }
    renew()
    self.csrfToken = adminCsrfToken(api.deps.config, sessionId)
    return { client: self, ...person, sessionId, refreshToken: refresh.text, renew }
  }
  // Somebody has to claim the server, and is then no use as anybody else.
  await account()

  const make = async (): Promise<World> => {
    const marker = `marker-${randomBytes(6).toString('hex')}`
    const ownerAccount = await account()
    const setStepUp =
      (until: string) =>
      async ({ sessionId }: { sessionId?: string }) => {
        for (const table of ['sessions', 'admin_sessions']) {
          await database.asSuperuser(`update nora.${table} set stepped_up_until = ${until} where id = $1`, [
            sessionId,
          ])
        }
      }
    const stepUp = setStepUp(`now() + interval '1 day'`)
    const unraise = setStepUp('null')
    // The sign-in itself is a proof for some minutes, too.
    const stepDown = async (caller: { sessionId?: string }) => {
      await unraise(caller)
      await database.asSuperuser('update nora.sessions set proven_at = null where id = $1', [
        caller.sessionId,
      ])
    }
    const maker = await signIn(ownerAccount)
    await stepUp(maker)
    const made = await maker.client.post('/api/workspaces', { name: marker })
    if (made.status !== 201) throw new Error(`making a workspace answered ${made.text}`)
    const workspaceId: string = made.body.id
    const headers = { 'x-nora-workspace': workspaceId }

    const join = async (role: string): Promise<Person> => {
      const person = await account()
      await database.asSuperuser(
        'insert into nora.memberships (workspace_id, user_id, role) values ($1, $2, $3)',
        [workspaceId, person.userId, role],
      )
      return signIn(person)
    }
    const arrange: Record<Exclude<Principal, Program | 'anonymous'>, () => Promise<Person>> = {
      viewer: () => join('viewer'),
      editor: () => join('editor'),
      admin: () => join('admin'),
      owner: () => signIn(ownerAccount),
      removed: async () => {
        const person = await join('editor')
        const path = `/api/workspaces/${workspaceId}/members/${person.userId}`
        const answer = await maker.client.delete(path)
        if (answer.status !== 204) throw new Error(`removing somebody answered ${answer.text}`)
        return person
      },
      stranger: async () => signIn(await account()),
      neighbour: async () => signIn(await account()),
      platformAdmin: async () => signIn(await adminAccount()),
      adminSession: async () => signInAsAdmin(await adminAccount()),
      disabled: async () => {
        const person = await join('editor')
        await database.asSuperuser('update nora.users set disabled_at = now() where id = $1', [person.userId])
        return person
      },
    }
    const callerFor = async (principal: Principal): Promise<Caller> => {
      if (principal === 'anonymous') return { principal, client: client(api), headers }
      if (isProgram(principal))
        return { principal, client: await arrangeProgram(withoutThings(), principal), headers: {} }
      const person = await arrange[principal]()
      return { principal, ...person, headers: principal === 'neighbour' ? {} : headers }
    }
    const callers = new Map<Principal, Promise<Caller>>()
    const other = await join('editor')
    await stepUp(other)
    const base = {
      ...{ api, database, workspaceId, marker, password, stepUp, stepDown, join },
      maker: { principal: 'owner', ...maker, headers } satisfies Caller,
      other: { principal: 'editor', ...other, headers } satisfies Caller,
      as: async (principal: Principal) => {
        const caller = await once(callers, principal, () => callerFor(principal))
        caller.renew?.()
        return caller
      },
    }
    const withoutThings = (): World => {
      const things = new Map<string, Promise<string>>()
      const world: World = {
        ...base,
        again: withoutThings,
        id: (resource, caller) => {
          const name = resource.startsWith('own') ? `${resource} of ${caller.principal}` : resource
          return once(things, name, () => makeResource(world, resource, caller))
        },
      }
      return world
    }
    return withoutThings()
  }
  return { make }
}

function once<K, T>(kept: Map<K, Promise<T>>, key: K, make: () => Promise<T>): Promise<T> {
  const found = kept.get(key) ?? make()
  kept.set(key, found)
  return found
}
