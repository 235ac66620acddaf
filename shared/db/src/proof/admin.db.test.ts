import { randomBytes } from 'node:crypto'
import { adminSession, type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { tenantRows } from '@nora/testing/rows'
import { sql } from 'kysely'
import { beforeAll, describe, expect, test } from 'vitest'
import { refusalOf, type Tx } from '../actor.ts'
import { type AdminProof, proveAdmin, withAdminRead, withAdminTurn } from '../admin-session.ts'

// What runs over all workspaces answers to the proof of an admin session alone, whatever the api was made to say.

const database = testDatabase()
const from = { ip: null, correlationId: 'test' }
let admin: Person
let alice: Person
let carol: Person
let operationId: string
let proof: AdminProof

const session = (userId: string, steppedUp = true) => adminSession(database, userId, { steppedUp })

beforeAll(async () => {
  admin = await person(database, 'admin')
  alice = await person(database, 'alice')
  carol = await person(database, 'carol')
  operationId = (await tenantRows(database, alice)).operationId
  proof = await session(admin.userId)
})

const read = <T>(run: (tx: Tx) => Promise<T>, as = proof) =>
  withAdminRead(database.app, as, { what: 'test' }, from, run)
const turn = <T>(run: (tx: Tx) => Promise<T>, as = proof) =>
  withAdminTurn(database.app, as, operationId, from, run)
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => 'answered',
    (error) => refusalOf(error)?.code ?? (error as { code?: string }).code,
  )

const acts = (as: AdminProof) => ({
  read: () => read(async () => undefined, as),
  turn: () => turn(async () => undefined, as),
  prove: () => proveAdmin(database.app, as),
  change: () =>
    sql`select * from nora.admin_change_user(${as.sessionId}, ${as.secret}, ${alice.userId}, null, 'user', null, 'test')`.execute(
      database.app,
    ),
  'sign out': () =>
    sql`select nora.admin_sign_out(${as.sessionId}, ${as.secret}, ${carol.userId}, null, 'test')`.execute(
      database.app,
    ),
  retry: () =>
    sql`select nora.admin_retry(${as.sessionId}, ${as.secret}, ${operationId}, null, 'test')`.execute(
      database.app,
    ),
})
type Act = keyof ReturnType<typeof acts>

describe.each<[Act, boolean]>([
  ['read', false],
  ['prove', false],
  ['turn', true],
  ['change', true],
  ['retry', true],
  ['sign out', true],
])('%s', (name, needsStepUp) => {
  test('answers an admin session, and asks for a step-up where it changes something', async () => {
    expect(await refusal(acts(proof)[name]())).toBe('answered')
    const plain = await session(admin.userId, false)
    expect(await refusal(acts(plain)[name]())).toBe(needsStepUp ? 'step-up-required' : 'answered')
  })

  test('refuses a session of the console, another secret, somebody who is no admin, and one who cannot act', async () => {
    const { sessionId, secret } = admin
    const others: AdminProof[] = [
      { sessionId, secret },
      { ...proof, secret: randomBytes(32) },
      await session(alice.userId),
    ]
    for (const other of others) expect(await refusal(acts(other)[name]())).toBe('session-invalid')
    await database.asSuperuser('update nora.users set disabled_at = now() where id = $1', [admin.userId])
    expect(await refusal(acts(proof)[name]())).toBe('session-invalid')
    await database.asSuperuser('update nora.users set disabled_at = null where id = $1', [admin.userId])
    proof = await session(admin.userId)
  })
})
