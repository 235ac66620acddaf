import { createHash, randomBytes } from 'node:crypto'
import { type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { sql } from 'kysely'
import { beforeAll, expect, test } from 'vitest'
import { refusalOf, withActor } from '../actor.ts'
import { enrolApi, signInByIdentity, startSignIn, takeFlow } from '../identities.ts'

// What a statement smuggled into the api's connection could do with sign-in providers.

const database = testDatabase()
const apiProof = randomBytes(32)
const issuer = 'https://login.good.test'
let alice: Person

beforeAll(async () => {
  alice = await person(database, 'alice')
  expect(await enrolApi(database.app, apiProof)).toBe(true)
  await database.asSuperuser(
    `insert into nora.identities (user_id, provider, issuer, subject) values ($1, 'oidc', $2, 'alice')`,
    [alice.userId, issuer],
  )
})

const from = { ip: null, userAgent: null, correlationId: 'test' }
const codeOf = (error: unknown) => (error as { code?: string }).code
const refusal = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error) => refusalOf(error)?.code ?? codeOf(error),
  )
const session = () => ({
  ...{ tokenHash: randomBytes(32), secretHash: randomBytes(32), refreshHash: randomBytes(32) },
  ...{ idleSeconds: 60, absoluteSeconds: 60 },
})

async function taken(): Promise<Buffer> {
  const flow = randomBytes(32)
  const flowHash = createHash('sha256').update(flow).digest()
  await startSignIn(database.app, { flowHash, provider: 'oidc', returnPath: '/' })
  expect(await takeFlow(database.app, flow, 'oidc')).toEqual({ purpose: 'sign-in', returnPath: '/' })
  return flow
}

const end = (flow: Buffer, proof: Buffer) => ({
  ...{ flow, apiProof: proof, provider: 'oidc', issuer, subject: 'alice', email: null, name: '' },
  signupEnabled: true,
})

test('an injected statement signs in as nobody: it has no proof, and cannot put one of its own in place', async () => {
  const [kept] = await database.asSuperuser<{ verifier: Buffer }>('select verifier from nora.api_proof')
  for (const proof of [randomBytes(32), Buffer.alloc(0), kept!.verifier]) {
    expect(await enrolApi(database.app, proof)).toBe(false)
    expect(await refusal(signInByIdentity(database.app, end(await taken(), proof), session(), from))).toBe(
      'forbidden',
    )
  }
  for (const statement of [
    sql`select nora.forget_api_proof()`,
    sql`select nora.require_api(${apiProof})`,
    sql`select nora.insert_session(${alice.userId}, true, 'cookie', ${randomBytes(32)}, ${randomBytes(32)}, interval '1 day',
      interval '1 day', null, null, 'x', '{}')`,
    sql`select * from nora.finish_flow(${randomBytes(32)}, ${apiProof}, 'oidc', 'sign-in')`,
    sql`select * from nora.api_proof`,
    sql`select * from nora.sign_in_flows`,
    sql`insert into nora.identities (user_id, provider, issuer, subject) values (${alice.userId}, 'oidc', 'https://evil.test', 'x')`,
    sql`update nora.identities set subject = 'x'`,
    sql`delete from nora.identities`,
    sql`select subject from nora.identities`,
  ]) {
    expect(await refusal(statement.execute(database.app))).toBe('42501')
  }
  const good = await signInByIdentity(database.app, end(await taken(), apiProof), session(), from)
  expect(good).toMatchObject({ outcome: 'signed-in', userId: alice.userId })
})

test('a flow opens one session, only after it was taken, and only soon', async () => {
  const flow = await taken()
  expect((await signInByIdentity(database.app, end(flow, apiProof), session(), from)).outcome).toBe(
    'signed-in',
  )
  const again = signInByIdentity(database.app, end(flow, apiProof), session(), from)
  expect(await refusal(again)).toBe('oauth-flow-invalid')
  const untaken = randomBytes(32)
  const flowHash = createHash('sha256').update(untaken).digest()
  await startSignIn(database.app, { flowHash, provider: 'oidc', returnPath: '/' })
  const early = signInByIdentity(database.app, end(untaken, apiProof), session(), from)
  expect(await refusal(early)).toBe('oauth-flow-invalid')
  const late = await taken()
  await database.asSuperuser(`update nora.sign_in_flows set taken_at = now() - interval '3 minutes'`)
  expect(await refusal(signInByIdentity(database.app, end(late, apiProof), session(), from))).toBe(
    'oauth-flow-invalid',
  )
})

test('a flow that leads to another server cannot be begun', async () => {
  for (const returnPath of ['//evil.test', '/\\evil.test', 'https://evil.test', '']) {
    const begun = startSignIn(database.app, { flowHash: randomBytes(32), provider: 'oidc', returnPath })
    expect(await refusal(begun), returnPath).toBe('23514')
  }
})

test('one sees one’s own identities and nobody else’s', async () => {
  const bob = await person(database, 'bob')
  const seen = (who: Person) =>
    withActor(database.app, who.actor, (tx) => tx.selectFrom('identities').select('issuer').execute())
  expect(await seen(alice)).toEqual([{ issuer }])
  expect(await seen(bob)).toEqual([])
  expect(await database.app.selectFrom('identities').select('issuer').execute()).toEqual([])
})

test('flows that nobody came back for do not pile up', async () => {
  await taken()
  await database.asSuperuser(`update nora.sign_in_flows set started_at = now() - interval '20 minutes'`)
  await taken()
  expect(await database.asSuperuser('select 1 from nora.sign_in_flows')).toHaveLength(1)
})
