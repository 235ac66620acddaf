import { afterAll, beforeAll, expect, test } from 'vitest'
import { seriousFaults } from './browser/axe.ts'
import { type Browser, openBrowser, phone } from './browser/browser.ts'
import { pageFolders } from './dev/start-dev.ts'
import { stack } from './stack.ts'

const it = stack(pageFolders, undefined, 'localhost')
let browser: Browser
beforeAll(async () => {
  browser = await openBrowser()
})
afterAll(() => browser?.close())

test('axe finds a fault that is there', async () => {
  const { page } = browser
  await page.goto(`${it.url}/`)
  await page.getByRole('heading').first().waitFor()
  expect(await seriousFaults(page)).toEqual([])
  await page.evaluate('document.body.append(document.createElement("button"))')
  expect(await seriousFaults(page)).toEqual([expect.stringMatching(/^button-name: button/)])
})

test('what nobody signed in can see is right on a phone, in the dark too', async () => {
  const { page } = browser
  await page.setViewportSize(phone)
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    await page.goto(`${it.url}/`)
    await page.getByRole('heading').first().waitFor()
    expect(await seriousFaults(page), colorScheme).toEqual([])
  }
})
