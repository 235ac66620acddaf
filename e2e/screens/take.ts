import { waitUntil } from '@nora/testing/wait-until'
import type { Page } from 'playwright-core'
import { desktop, openBrowser, phone } from '../browser/browser.ts'
import { emailOf, passwordOf } from '../dev/seed.ts'
import { type Places, type Screen, screens } from './pages.ts'

/** The ways in which every page is looked at. */
export const looks = [
  { name: 'light', viewport: desktop, colorScheme: 'light' },
  { name: 'dark', viewport: desktop, colorScheme: 'dark' },
  { name: 'phone', viewport: phone, colorScheme: 'light' },
] as const

export type Look =
  | (typeof looks)[number]
  | { name: string; viewport: typeof desktop; colorScheme: 'light' | 'dark' }

/**
 * Opens every page in every look and hands each over when it has come to rest. A person's pages are opened signed in.
 * Gives what went wrong in any of them.
 */
export async function eachScreen(
  url: string,
  places: Places,
  seen: (page: Page, screen: Screen, look: Look) => Promise<void>,
  options: { of?: readonly Screen[]; looks?: readonly Look[] } = {},
): Promise<string[]> {
  const browser = await openBrowser()
  const { page } = browser
  const wanted = options.of ?? screens
  try {
    for (const as of ['nobody', 'ada'] as const) {
      const open = wanted.filter((one) => one.as === as)
      if (as === 'ada' && open.length > 0) await signInTo(page, url)
      for (const screen of open) {
        await page.goto(url + screen.path(places))
        await screen.ready(page)
        for (const look of options.looks ?? looks) {
          await page.emulateMedia({ colorScheme: look.colorScheme })
          await page.setViewportSize(look.viewport)
          await atRest(page)
          await seen(page, screen, look)
        }
      }
    }
    return browser.faults
  } finally {
    await browser.close()
  }
}

/** Both apps, as ada. */
export async function signInTo(page: Page, url: string): Promise<void> {
  for (const [path, arrived] of [
    ['/sign-in', /\/w\//],
    ['/admin/sign-in', /\/admin\/?$/],
  ] as const) {
    await page.goto(url + path)
    await page.getByLabel('E-mail').fill(emailOf('ada'))
    await page.locator('input[type=password]').fill(passwordOf('ada'))
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await page.waitForURL(arrived)
  }
}

/** Nothing is on its way, nothing loads, nothing moves. */
async function atRest(page: Page): Promise<void> {
  await page.waitForLoadState('networkidle')
  await page.locator('[aria-busy=true]').first().waitFor({ state: 'hidden' })
  // What the page does about another look begins with its next picture.
  await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))')
  // By the debugger's way, which the policy of the page does not bind.
  const still =
    'document.getAnimations().every(({ playState, effect }) => playState !== "running" || effect?.getTiming().iterations === Infinity)'
  await waitUntil('nothing to move', () => page.evaluate<boolean>(still), { everyMs: 50, deadlineMs: 60_000 })
}
