import type { Page } from 'playwright-core'
import { type Browser, desktop, openBrowser } from '../browser/browser.ts'
import type { Processes } from '../processes.ts'

export type Person = Browser & { email: string; password: string }

/** Somebody with a browser of their own, whose address and password are made from their name. */
export async function person(name: string, viewport = desktop): Promise<Person> {
  const browser = await openBrowser({ viewport })
  return { ...browser, email: `${name}@example.test`, password: `correct horse ${name} battery` }
}

/** Claims a new server; signs up on one that is claimed. Ends in their own workspace. */
export async function join({ page, email, password }: Person, stack: Processes): Promise<void> {
  const claims = await page.request.get(`${stack.url}/api/auth/bootstrap-status`)
  const claimed = ((await claims.json()) as { claimed: boolean }).claimed
  await page.goto(claimed ? `${stack.url}/sign-up` : `${stack.url}/`)
  await page.getByLabel('E-mail address').fill(email)
  await page.locator('input[name=password]').fill(password)
  if (!claimed) await page.getByLabel('Setup token').first().fill(stack.setupToken)
  await page.getByRole('button', { name: claimed ? 'Create account' : 'Claim this server' }).click()
  await page.getByRole('heading', { name: 'Agents', exact: true }).waitFor()
}

/** Goes to a page of the present workspace by the navigation, which on a phone is behind a button. */
export async function goTo(page: Page, title: string): Promise<void> {
  const opener = page.getByRole('button', { name: 'Open the navigation' })
  if (await opener.isVisible()) await opener.click()
  await page
    .getByRole('navigation', { name: 'Navigation' })
    .getByRole('link', { name: title, exact: true })
    .click()
  await page.getByRole('heading', { level: 1, name: title, exact: true }).waitFor()
}

/** Where the console asks to confirm who one is, confirms; where it does not, goes on when `done` is there. */
export async function confirmIfAsked(
  { page, password }: Person,
  done: () => Promise<unknown>,
): Promise<void> {
  const asked = page.getByLabel('Your password')
  await Promise.race([done(), asked.waitFor()])
  if (!(await asked.isVisible())) return
  await asked.fill(password)
  await page.getByRole('button', { name: 'Confirm', exact: true }).click()
  await done()
}

/** Waits until no dialogue is open: the one that asks who one is stands above another. */
export const dialogsGone = (page: Page): Promise<void> =>
  page.getByRole('dialog').first().waitFor({ state: 'detached' })
