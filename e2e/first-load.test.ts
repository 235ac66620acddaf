import { gzipSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Browser, openBrowser } from './browser/browser.ts'
import { signedIn } from './client.ts'
import { emailOf, passwordOf } from './dev/seed.ts'
import { pageFolders } from './dev/start-dev.ts'
import { stack } from './stack.ts'

// What somebody's browser is asked to load, by our own measure: bytes of script after gzip, and requests.

const it = stack(pageFolders, undefined, 'localhost')
const budgetKb = 250
let browser: Browser

beforeAll(async () => {
  await signedIn(it, 'ada')
  browser = await openBrowser()
})
afterAll(() => browser?.close())

/** Kilobytes of script that the page has loaded, as gzip would send them. */
async function scriptKb(page: Page, urls: readonly string[]): Promise<number> {
  const scripts = [...new Set(urls)].filter((url) => url.endsWith('.js'))
  const sizes = scripts.map(
    async (url) => gzipSync(await (await page.request.get(url)).body(), { level: 9 }).length,
  )
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0) / 1000
}
const callsOf = (urls: readonly string[]) =>
  urls.map((url) => new URL(url).pathname).filter((path) => path.startsWith('/api/'))

describe('the console', () => {
  test(`loads at most ${budgetKb} kB of script for the sign-in, and everything from this server`, async () => {
    const { page, requests } = browser
    await page.goto(`${it.url}/`)
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    const kb = await scriptKb(page, requests)
    expect(kb).toBeGreaterThan(50)
    expect(kb).toBeLessThanOrEqual(budgetKb)
    expect(requests.filter((url) => !url.startsWith(it.url))).toEqual([])
  })

  test('loads at most as much for the agents, and asks for what the page shows alone', async () => {
    const { page, requests } = browser
    await page.getByLabel('E-mail').fill(emailOf('ada'))
    await page.locator('input[type=password]').fill(passwordOf('ada'))
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await page.getByRole('heading', { name: 'Agents', exact: true }).waitFor()
    requests.length = 0
    await page.reload()
    await page.getByRole('heading', { name: 'No agents yet' }).waitFor()
    await page.waitForLoadState('networkidle')
    expect(await scriptKb(page, requests)).toBeLessThanOrEqual(budgetKb)
    expect(callsOf(requests).sort()).toEqual(['/api/agents', '/api/auth/me'])
    // Once more, with everything that may be kept: no script is asked for again.
    const loaded = await page.evaluate<string[]>(
      'performance.getEntriesByType("resource").filter((entry) => entry.transferSize > 0).map((entry) => entry.name)',
    )
    expect(loaded.filter((url) => url.endsWith('.js'))).toEqual([])
  })

  test('nothing failed on the way', () => {
    expect(browser.faults).toEqual([])
  })
})
