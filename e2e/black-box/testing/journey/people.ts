import { readRecord } from '@nora/supervisor/demo/account'
import { holds, need, same } from '../../checks.ts'
import { cookieHeader } from '../../send.ts'
import { type Account, enter, newAccount, readKnown, type World, writeKnown } from '../../world.ts'
import { isProblem } from './doors.ts'

/** Claiming or signing in, sessions of browsers, and a second person with a workspace of their own. */
export async function people(world: World): Promise<void> {
  const { place, checks, send } = world
  const { check } = checks
  const api = (path: string) => `${place.url}/api/${path}`
  checks.part('people')
  const known = await readKnown(place)
  let claimed = false

  await check('whether it is claimed is told, and nothing else', async () => {
    const { body } = await send('GET', api('auth/bootstrap-status'))
    same(Object.keys(body), ['claimed'], 'bootstrap-status')
    claimed = body['claimed'] === true
  })
  if (!claimed) {
    await check('nobody claims it with another token', async () => {
      const body = { ...newAccount('thief'), setupToken: 'f'.repeat(64) }
      isProblem(await send('POST', api('auth/signup'), { body }), 403, 'setup-token-required')
    })
    await check('the setup token claims it', async () => {
      const setupToken = need(place.setupToken, 'setup token: set NORA_SETUP_TOKEN')
      known.alice = newAccount('black-box')
      await writeKnown(place, known)
      const answer = await send('POST', api('auth/signup'), { body: { ...known.alice, setupToken } })
      same(answer.status, 202, answer.text)
      const { body } = await send('GET', api('auth/bootstrap-status'))
      same(body, { claimed: true }, 'bootstrap-status afterwards')
    })
  }
  await check('the platform admin signs in', async () => {
    const record = place.installation && (await readRecord(place.installation))
    const accounts = [place.account, known.alice, record].filter((one): one is Account => one !== undefined)
    for (const { email, password } of accounts) world.alice ??= await enter(world, { email, password })
    need(world.alice, 'account: set NORA_BLACK_BOX_EMAIL and NORA_BLACK_BOX_PASSWORD')
  })

  await check('a wrong password and an unknown address get the same answer', async () => {
    const alice = need(world.alice, 'admin')
    const wrong = { email: alice.email, password: 'not the password of alice' }
    const unknown = { ...newAccount('nobody'), password: wrong.password }
    const answers = [
      await send('POST', api('auth/login'), { body: wrong }),
      await send('POST', api('auth/login'), { body: unknown }),
    ]
    for (const answer of answers) isProblem(answer, 401, 'invalid-credentials')
    const [one, other] = answers.map(({ body }) => ({ ...body, correlationId: '' }))
    same(one, other, 'the two answers')
  })
  await browserSession(world)

  await check('a second person signs up, and has a workspace of their own', async () => {
    if (known.bob) world.bob = await enter(world, known.bob)
    if (world.bob) return
    const account = newAccount('bob')
    const answer = await send('POST', api('auth/signup'), { body: account })
    same(answer.status, 202, answer.text)
    world.bob = await enter(world, account)
    await writeKnown(place, { ...known, bob: account })
    holds(need(world.bob, 'session of theirs').workspace !== world.alice?.workspace, 'they share a workspace')
  })
  await check('the form of sign-up is told that it is open', async () => {
    const options = await send('GET', api('auth/signup-options'))
    same(options.body['signupEnabled'], true, 'signup-options')
  })
}

/** A browser's session: its cookies, and what a mutation must show. */
async function browserSession({ place, checks, send, alice }: World): Promise<void> {
  const { check } = checks
  const api = (path: string) => `${place.url}/api/${path}`
  const secure = place.url.startsWith('https:')
  const prefix = secure ? '__Host-' : ''
  let cookie: string | undefined
  let token = ''

  await check(
    `a browser gets ${secure ? '__Host- cookies, Secure' : 'cookies'}, HttpOnly, SameSite and without a Domain`,
    async () => {
      const { email, password } = need(alice, 'admin')
      const answer = await send('POST', api('auth/login'), {
        body: { email, password },
        headers: { origin: place.url, 'sec-fetch-site': 'same-origin' },
      })
      same(answer.status, 200, answer.text)
      const names = answer.cookies.map((line) => line.split('=', 1)[0]).sort()
      same(names, [`${prefix}nora_at`, `${prefix}nora_rt`], 'the names')
      for (const line of answer.cookies) {
        holds(
          /; httponly/i.test(line) && /; path=\/(;|$)/i.test(line),
          `${line.split('=', 1)[0]} lacks HttpOnly or Path=/`,
        )
        holds(!/; domain=/i.test(line), 'a cookie names a domain')
        holds(/; secure/i.test(line) === secure, 'Secure')
        holds(/_rt=/.test(line) ? /samesite=strict/i.test(line) : /samesite=lax/i.test(line), 'SameSite')
      }
      holds(!answer.text.includes('accessToken'), 'the answer has a token that scripts could read')
      cookie = cookieHeader(answer.cookies)
      token = String(answer.body['csrfToken'])
    },
  )
  await check(
    'with the cookies one reads; a mutation also needs our Origin and the token of the session',
    async () => {
      const own = { cookie: need(cookie, 'session of a browser') }
      same((await send('GET', api('auth/me'), { headers: own })).status, 200, 'auth/me')
      const change = (headers: Record<string, string>) =>
        send('POST', api('ws-tickets'), {
          headers: { ...own, ...headers },
          body: { kind: 'logs', agentId: '00000000-0000-4000-8000-000000000000' },
        })
      const page = { origin: place.url, 'sec-fetch-site': 'same-origin' }
      for (const headers of [
        {},
        page,
        { 'x-csrf-token': token },
        { ...page, 'x-csrf-token': `${token}x` },
        { ...page, origin: 'https://elsewhere.example', 'x-csrf-token': token },
        { ...page, 'sec-fetch-site': 'cross-site', 'x-csrf-token': token },
      ]) {
        isProblem(await change(headers), 403, 'csrf-failed')
      }
      // Let in, and told that there is no such agent.
      isProblem(await change({ ...page, 'x-csrf-token': token }), 404)
    },
  )
  await check('cookies and a bearer token at once are refused', async () => {
    const headers = {
      cookie: need(cookie, 'session of a browser'),
      authorization: `Bearer ${need(alice, 'admin').api.token()}`,
    }
    isProblem(await send('GET', api('auth/me'), { headers }), 400, 'conflicting-credentials')
  })
  await check('signing out ends the session', async () => {
    const own = { cookie: need(cookie, 'session of a browser') }
    const page = { origin: place.url, 'sec-fetch-site': 'same-origin', 'x-csrf-token': token }
    const left = await send('POST', api('auth/logout'), { headers: { ...own, ...page }, body: {} })
    same(left.status, 204, left.text)
    isProblem(await send('GET', api('auth/me'), { headers: own }), 401)
  })
}
