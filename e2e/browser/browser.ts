import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { openWayOut } from './way-out.ts'

/** Starts Debian's own. What it wants of the internet by itself, which no switch turns off for good, finds no way there. */
const executablePath = join(import.meta.dirname, 'apart.sh')
const args = [
  '--proxy-server=socks5://127.0.0.1:1080',
  '--proxy-bypass-list=<-loopback>',
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
  /** What went wrong in any of its pages so far: errors of scripts, what the policy of content refused, a request to elsewhere. */
  faults: string[]
  /** Every address that was asked for, in order. */
  requests: string[]
  close: () => Promise<void>
}

/** A browser with a profile and a network of its own, as a person would open one on a machine of theirs. */
export async function openBrowser(options: BrowserContextOptions = {}): Promise<Browser> {
  const folder = await mkdtemp(join(tmpdir(), 'nora-browser-'))
  const wayOut = await openWayOut(folder)
  const close = async () => {
    wayOut.close()
    await rm(folder, { recursive: true, force: true })
  }
  const launched = chromium.launchPersistentContext(join(folder, 'profile'), {
    executablePath,
    args,
    env: { ...process.env, APART_FOLDER: folder, APART_NODE: process.execPath },
    viewport: desktop,
    locale: 'en-GB',
    timezoneId: 'UTC',
    ...options,
  })
  const context = await launched.catch(async (error: unknown) => {
    await close()
    throw error
  })
  context.setDefaultTimeout(60_000)
  const faults: string[] = []
  const requests: string[] = []
  context.on('weberror', (error) => faults.push(String(error.error())))
  context.on('console', (message) => {
    if (message.type() === 'error' && !isAnswer(message.text())) faults.push(message.text())
  })
  context.on('request', (request) => {
    requests.push(request.url())
    const { protocol, hostname, origin } = new URL(request.url())
    if (/^(http|ws)/.test(protocol) && !/(^|\.)localhost$/.test(hostname)) faults.push(`asked for ${origin}`)
  })
  return {
    context,
    page: context.pages()[0] ?? (await context.newPage()),
    faults,
    requests,
    close: async () => {
      await context.close()
      await close()
    },
  }
}

/** The browser says every refusal of the api on its console; whether one was due is for the test to say. */
const isAnswer = (text: string) => text.startsWith('Failed to load resource: the server responded')
