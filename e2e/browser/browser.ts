import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

/** Debian's own. Nothing it does by itself may leave this machine. */
const executablePath = '/usr/bin/chromium'
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export const desktop = { width: 1280, height: 800 }
export const phone = { width: 390, height: 844 }

export type Browser = {
  context: BrowserContext
  page: Page
  /** What went wrong in any of its pages so far: errors of scripts, and what the policy of content refused. */
  faults: string[]
  /** Every address that was asked for, in order. */
  requests: string[]
  close: () => Promise<void>
}

/** A browser with a profile of its own, as a person would open one. */
export async function openBrowser(options: BrowserContextOptions = {}): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), 'nora-browser-'))
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    args,
    viewport: desktop,
    locale: 'en-GB',
    timezoneId: 'UTC',
    timeout: 120_000,
    ...options,
  })
  context.setDefaultTimeout(60_000)
  const faults: string[] = []
  const requests: string[] = []
  context.on('weberror', (error) => faults.push(String(error.error())))
  context.on('console', (message) => {
    if (message.type() === 'error' && !isAnswer(message.text())) faults.push(message.text())
  })
  // A person would load such a page again, too.
  context.on('requestfailed', (request) => {
    const lost = request.failure()?.errorText.includes('ERR_NETWORK_CHANGED')
    if (!lost || !['script', 'stylesheet'].includes(request.resourceType())) return
    request
      .frame()
      .page()
      .reload()
      .catch((error: unknown) => faults.push(`a page could not be loaded again: ${String(error)}`))
  })
  context.on('request', (request) => requests.push(request.url()))
  return {
    context,
    page: context.pages()[0] ?? (await context.newPage()),
    faults,
    requests,
    close: async () => {
      await context.close()
      await rm(profile, { recursive: true, force: true })
    },
  }
}

/**
 * The browser says every refusal of the api on its console; whether one was due is for the test to say. And it drops what is on its
 * way when a network of this machine comes or goes, as with every container: pages come over that by themselves.
 */
const isAnswer = (text: string) =>
  text.startsWith('Failed to load resource: the server responded') || text.includes('ERR_NETWORK_CHANGED')
