import { setTimeout as delay } from 'node:timers/promises'
import { holds, need, same } from '../../checks.ts'
import { cookieHeader } from '../../send.ts'
import type { World } from '../../world.ts'
import { isProblem } from './doors.ts'

/** What was written down about all of this, and what the admin app may see. */
export async function watching(world: World): Promise<void> {
  const { checks } = world
  const { check } = checks
  checks.part('audit and admin')
  const alice = () => need(world.alice, 'admin')

  await check('the audit has what was done, with who, and no secret', async () => {
    const { body } = await alice().api.call('GET', 'audit?limit=200', { expect: [200] })
    const items = body['items'] as { eventType: string; userId: string }[]
    const types = new Set(items.map(({ eventType }) => eventType))
    const missing = expectedEvents.filter((type) => !types.has(type))
    same(missing, [], `missing events (there are ${[...types].join(', ')})`)
    holds(
      items.some(({ userId }) => userId === alice().userId),
      'nothing was done by who did it',
    )
    const text = JSON.stringify(body)
    for (const secret of [alice().password, alice().api.token() ?? '-', ...world.apiKeys]) {
      holds(!text.includes(secret), 'a secret is in it')
    }
  })
  await check('somebody else reads none of it', async () => {
    const bob = need(world.bob, 'second person')
    await bob.api.call('GET', `audit?workspace=${alice().workspace}`, { expect: [403, 404] })
  })
  await admin(world)
}

/** Of Alice's own workspace; each is written in the transaction of what it tells. */
const expectedEvents = [
  ...['API_KEY_CHANGED', 'KEY_SYNCED', 'EXEC_STARTED', 'EXEC_ENDED', 'STREAM_TICKET_ISSUED', 'STEPPED_UP'],
]

async function admin({ place, checks, send, alice, bob }: World): Promise<void> {
  const { check } = checks
  const { url } = place
  const origin = place.adminUrl ?? url
  const page = { origin, 'sec-fetch-site': 'same-origin' }
  const login = (email: string, password: string) =>
    send('POST', `${origin}/api/admin/auth/login`, { headers: page, body: { email, password } })
  let cookie: string | undefined

  if (origin === url)
    checks.leaveOut('the admin API is on its own origin alone', 'this place has one origin for both')
  else {
    await check('the admin API and app are on their own origin alone', async () => {
      for (const path of ['/api/admin/auth/me', '/api/admin/overview', '/admin/'])
        isProblem(await send('GET', `${url}${path}`), 404)
      isProblem(
        await send('POST', `${url}/api/admin/auth/login`, {
          headers: { origin: url },
          body: { email: 'a@b.test', password: 'x'.repeat(14) },
        }),
        404,
      )
      for (const path of ['/api/auth/me', '/api/agents', '/api/llm-providers'])
        isProblem(await send('GET', `${origin}${path}`), 404)
    })
  }
  await check('the platform admin signs in there, with cookies of their own', async () => {
    const { email, password } = need(alice, 'admin')
    const answer = await login(email, password)
    same(answer.status, 200, answer.text)
    const prefix = origin.startsWith('https:') ? '__Host-' : ''
    const names = answer.cookies.map((line) => line.split('=', 1)[0]).sort()
    same(names, [`${prefix}nora_admin_at`, `${prefix}nora_admin_rt`], 'the names')
    holds(
      answer.cookies.every((line) => /httponly/i.test(line) && /samesite=strict/i.test(line)),
      'HttpOnly, SameSite=Strict',
    )
    cookie = cookieHeader(answer.cookies)
  })
  await check('and reads the server, which no session of the console does', async () => {
    const own = { cookie: need(cookie, 'admin session') }
    for (const path of ['overview', 'users', 'workers', 'settings', 'keys']) {
      const answer = await send('GET', `${origin}/api/admin/${path}`, { headers: own })
      same(answer.status, 200, `${path} ${answer.text.slice(0, 200)}`)
    }
    const bearer = { authorization: `Bearer ${need(alice, 'admin').api.token()}` }
    isProblem(await send('GET', `${origin}/api/admin/overview`, { headers: bearer }), 401)
    isProblem(
      await send('GET', `${origin}/api/admin/overview`, {
        headers: { ...own, origin: 'https://elsewhere.example' },
      }),
      403,
    )
  })
  await check('who is no platform admin does not get in', async () => {
    const { email, password } = need(bob, 'second person')
    const answer = await login(email, password)
    holds([401, 403].includes(answer.status) && answer.cookies.length === 0, `it answered ${answer.status}`)
  })
  await check('the audit’s chain is intact', async () => {
    const own = { cookie: need(cookie, 'admin session') }
    // A checkpoint is signed each minute in which something happened; asking is an entry too.
    const deadline = Date.now() + 150_000
    for (;;) {
      const { status, body } = await send('GET', `${origin}/api/admin/audit/chain`, { headers: own })
      same(status, 200, 'admin/audit/chain')
      if (body['state'] === 'intact' && Number(body['position']) > 0 && body['checkpoint'] !== null) return
      if (body['state'] === 'broken' || Date.now() > deadline)
        throw new Error(`it is ${JSON.stringify(body)}`)
      await delay(500)
    }
  })
}

/** Last, since it uses up the tries: guessing passwords is slowed, whatever address the guesser claims to come from. */
export async function hammering({ place, checks, send }: World): Promise<void> {
  checks.part('guessing')
  await checks.check('guessing passwords is answered with 429 and how long to wait', async () => {
    for (let turn = 1; turn <= 20; turn++) {
      const answer = await send('POST', `${place.url}/api/auth/login`, {
        headers: { 'x-forwarded-for': `192.0.2.${turn}`, 'x-real-ip': `192.0.2.${turn}` },
        body: { email: 'guessed@nora.invalid', password: `guess number ${turn}` },
        patient: false,
      })
      if (answer.status === 429) {
        isProblem(answer, 429)
        holds(Number(answer.headers['retry-after']) > 0, 'it does not say how long to wait')
        return
      }
      isProblem(answer, 401)
    }
    throw new Error('twenty guesses were let through')
  })
}
