import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Browser, openBrowser } from '../browser/browser.ts'
import { pageFolders } from '../dev/start-dev.ts'
import { stack } from '../stack.ts'

// One person's way on the pages: claims the server, adds a passkey, signs out, and in again with both factors.

const it = stack(pageFolders, undefined, 'localhost')
const email = 'ada@example.test'
const password = 'correct horse ada battery'
let browser: Browser

beforeAll(async () => {
  browser = await openBrowser()
  const device = await browser.context.newCDPSession(browser.page)
  await device.send('WebAuthn.enable')
  await device.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      ...{ protocol: 'ctap2', transport: 'internal', hasResidentKey: true },
      ...{ hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
    },
  })
})
afterAll(() => browser?.close())

const button = (name: string) => browser.page.getByRole('button', { name, exact: true })
const pathIs = (path: string) => (url: URL) => url.pathname === path

async function signIn(returnTo: string): Promise<void> {
  const { page } = browser
  await page.goto(`${it.url}/sign-in?returnTo=${encodeURIComponent(returnTo)}`)
  await page.getByLabel('E-mail address').fill(email)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await button('Sign in').click()
}

async function signOut(): Promise<void> {
  await button('Your account').click()
  await browser.page.getByRole('menuitem', { name: 'Sign out' }).click()
  await browser.page.waitForURL(pathIs('/sign-in'))
}

describe('somebody', () => {
  test('claims the server with a token that leaves the address at once and reaches the server in the body alone', async () => {
    const { page, requests } = browser
    await page.goto(`${it.url}/#token=${it.setupToken}`)
    await page.getByRole('heading', { name: 'Claim this server' }).waitFor()
    await page.waitForURL(`${it.url}/claim`)
    await page.getByLabel('E-mail address').fill(email)
    await page.getByLabel('Password', { exact: false }).first().fill(password)
    await button('Claim this server').click()
    await page.getByText('The server is yours').waitFor()
    expect(requests.map((url) => url.split('#')[0]).filter((url) => url?.includes(it.setupToken))).toEqual([])
    await page.goto(`${it.url}/claim`)
    await page.getByRole('heading', { name: 'Agents', exact: true }).waitFor()
  })

  test('adds a passkey after the password was asked for once more, and nothing happens who cancels', async () => {
    const { page } = browser
    await page.goto(`${it.url}/account/passkeys`)
    await button('Add a passkey').click()
    await button('Continue').click()
    const asked = page.getByRole('dialog', { name: 'Confirm that it is you' })
    await asked.getByLabel('Your password').waitFor()
    await page.keyboard.press('Escape')
    await asked.waitFor({ state: 'hidden' })
    expect(await page.getByRole('alert').count()).toBe(0)
    await button('Continue').click()
    await asked.getByLabel('Your password').fill('another')
    await button('Confirm').click()
    await asked.getByText('That is not your password.').waitFor()
    await asked.getByLabel('Your password').fill(password)
    await button('Confirm').click()
    await page.getByText('The passkey is added').waitFor()
    await page.getByRole('region', { name: 'Passkeys' }).waitFor()
  })

  test('signs in with both, and is led to a page of this server and to no other', async () => {
    const { page } = browser
    await signOut()
    await signIn('/account/sessions')
    await button('Use your passkey').click()
    await page.waitForURL(pathIs('/account/sessions'))
    await page.getByText('This one').waitFor()
    await signOut()
    await signIn('//example.test/')
    await button('Use your passkey').click()
    await page.getByRole('heading', { name: 'Agents', exact: true }).waitFor()
    expect(new URL(page.url()).origin).toBe(it.url)
  })

  test('saw nothing fail on the way', () => {
    expect(browser.faults).toEqual([])
  })
})
