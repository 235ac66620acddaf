import { waitUntil } from '@nora/testing/wait-until'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Browser, openBrowser } from '../browser/browser.ts'
import { signedIn } from '../client.ts'
import { pageFolders } from '../dev/start-dev.ts'
import { stack } from '../stack.ts'

const it = stack(pageFolders, undefined, 'localhost')
let browser: Browser
beforeAll(async () => {
  browser = await openBrowser()
})
afterAll(() => browser?.close())

const passwordOf = (name: string) => `correct horse ${name} battery`

async function signIn(name: string, page = browser.page): Promise<void> {
  await page.getByLabel('E-mail address').fill(`${name}@example.test`)
  await page.locator('input[type=password]').fill(passwordOf(name))
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
}

test('an invitation’s token stays out of addresses, requests and storage, also through a sign-in and another', async () => {
  const { page, requests } = browser
  const [ada] = [await signedIn(it, 'ada'), await signedIn(it, 'grace'), await signedIn(it, 'alan')]
  await ada.post('auth/step-up', { password: passwordOf('ada') })
  const workspace = String((await ada.post('workspaces', { name: 'Research' })).body['id'])
  const made = await ada.post(`workspaces/${workspace}/invitations`, {
    email: 'grace@example.test',
    role: 'viewer',
  })
  const token = String(made.body['token'])
  expect(token).toMatch(/^nora_invite_/)

  await page.goto(`${it.url}/invitation#token=${token}`)
  await page.getByText('To accept your invitation').waitFor()
  expect(page.url()).toBe(`${it.url}/sign-in?returnTo=%2Finvitation`)
  await signIn('alan')
  await page.getByRole('button', { name: 'Accept invitation' }).click()
  await page.getByText('This invitation does not let you in').waitFor()
  await page.getByRole('button', { name: 'Sign in as somebody else' }).click()
  await page.getByText('To accept your invitation').waitFor()
  await signIn('grace')
  await page.getByRole('button', { name: 'Accept invitation' }).click()
  await page.waitForURL(`${it.url}/w/${workspace}/agents`)
  expect(await page.evaluate('JSON.stringify([{ ...localStorage }, { ...sessionStorage }])')).not.toContain(
    token,
  )

  // Another link in a tab where only the part behind the `#` changes.
  await page.goto(`${it.url}/invitation`)
  await page.getByText('There is no invitation in this address').waitFor()
  await page.evaluate(`location.hash = '#token=${token}'`)
  await page.getByRole('button', { name: 'Accept invitation' }).waitFor()
  expect(page.url()).toBe(`${it.url}/invitation`)
  expect(requests.map((url) => url.split('#')[0]).filter((url) => url?.includes(token))).toEqual([])
})

const agents = { name: 'Agents', exact: true } as const
const isAnew = () => browser.page.evaluate('globalThis.ofFirst === undefined').catch(() => undefined)

/** Ends the session of this browser, without any of its pages. */
async function signOutBeside(): Promise<void> {
  const { request } = browser.context
  const me = await (await request.get(`${it.url}/api/auth/me`)).json()
  const headers = { origin: it.url, 'x-csrf-token': me.csrfToken }
  expect((await request.post(`${it.url}/api/auth/logout`, { headers, data: {} })).status()).toBe(204)
}

test('a page that was one person’s is loaded anew when somebody else signs in in another tab', async () => {
  const { page } = browser
  await page.goto(`${it.url}/`)
  await page.getByRole('heading', agents).waitFor()
  await page.evaluate('globalThis.ofFirst = true')
  const me = await (await page.request.get(`${it.url}/api/auth/me`)).json()
  expect(me.user.email).toBe('grace@example.test')
  await signOutBeside()
  const [headers, data] = [{ origin: it.url }, { email: 'alan@example.test', password: passwordOf('alan') }]
  expect((await page.request.post(`${it.url}/api/auth/login`, { headers, data })).status()).toBe(200)
  await expect.poll(isAnew, { timeout: 120_000, interval: 250 }).toBe(true)
})

test('a page whose person is signed out holds nothing of theirs, and follows who signs in in another tab', async () => {
  const { page, context } = browser
  await page.goto(`${it.url}/`)
  await page.getByRole('heading', agents).waitFor()
  await page.evaluate('globalThis.ofFirst = true')
  await signOutBeside()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await waitUntil('an answer of the page', async () => (await isAnew()) !== undefined)
  expect(await isAnew()).toBe(true)

  const beside = await context.newPage()
  await beside.goto(`${it.url}/sign-in`)
  await signIn('grace', beside)
  await beside.getByRole('heading', agents).waitFor()
  // It was not touched since, and has no stream of changes: the other tab told it. It goes to where it was, which was Alan’s.
  await page.getByRole('heading', { name: 'No such workspace' }).waitFor()
})
