import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Browser, openBrowser } from '../browser/browser.ts'

// The browser that the pages are tested in: what happens on this machine's networks is nothing to it, and it gets nowhere else.

const waiting: ServerResponse[] = []
let released = false
const server = createServer((req, res) => {
  if (req.url === '/slow' && !released) waiting.push(res)
  else if (req.url === '/slow') res.end('whole')
  else res.setHeader('content-type', 'text/html').end('<title>here</title>')
})
const ip = (...args: string[]) => promisify(execFile)('ip', args)
let browser: Browser
let url = ''
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://localhost:${(server.address() as AddressInfo).port}`
  browser = await openBrowser()
})
afterAll(async () => {
  await browser?.close()
  server.close()
})

// As an engine does for each container: a pair of interfaces, up and with an address.
test.runIf(process.getuid?.() === 0)('what is on its way stays so while interfaces come and go', async () => {
  const { page } = browser
  await page.goto(url)
  // Six at once is what Chromium asks of a server: the others wait for a connection, and those it gives up.
  const slow = page.evaluate<string[]>(
    'Promise.all(Array.from({ length: 9 }, () => fetch("/slow").then((answer) => answer.text(), String)))',
  )
  await expect.poll(() => waiting.length, { timeout: 30_000 }).toBe(6)
  // Chromium waits two seconds before it believes a change.
  const end = performance.now() + 6_000
  while (performance.now() < end) {
    const name = `nora-t${process.pid % 1e6}`
    await ip('link', 'add', 'name', name, 'type', 'veth', 'peer', 'name', `${name}p`)
    try {
      await ip('addr', 'add', '203.0.113.1/30', 'dev', name)
      await ip('link', 'set', `${name}p`, 'up')
      await ip('link', 'set', name, 'up')
    } finally {
      await ip('link', 'del', name)
    }
  }
  released = true
  for (const answer of waiting) answer.end('whole')
  expect(await slow).toEqual(Array(9).fill('whole'))
})

test('it is on-line, reaches what is under localhost and nothing else', async () => {
  const { page, faults } = browser
  const port = new URL(url).port
  await page.goto(`http://admin.localhost:${port}/`)
  expect(await page.title()).toBe('here')
  expect(await page.evaluate('navigator.onLine')).toBe(true)
  for (const elsewhere of ['http://nora.test/', `http://192.0.2.1:${port}/`, `http://[2001:db8::1]:${port}/`])
    await expect(page.goto(elsewhere), elsewhere).rejects.toThrow('ERR_SOCKS_CONNECTION_FAILED')
  expect(faults).toEqual([
    'asked for http://nora.test',
    `asked for http://192.0.2.1:${port}`,
    `asked for http://[2001:db8::1]:${port}`,
  ])
})
