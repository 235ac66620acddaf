import { waitUntil } from '@nora/testing/wait-until'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { desktop, phone } from '../browser/browser.ts'
import { pageFolders } from '../dev/start-dev.ts'
import { type Provider, startProvider } from '../provider.ts'
import { stack } from '../stack.ts'
import { confirmIfAsked, dialogsGone, goTo, join, type Person, person } from './person.ts'

// What people do with the console, from the claim to the end of a membership, in a real browser on the real stack: once at
// a desk, by whoever claims the server, and once on a phone, by somebody who signs up.

const it = stack(pageFolders, undefined, 'localhost')
let provider: Provider | undefined
afterAll(() => provider?.close())

const firstKey = 'sk-test-first-0123456789abcdefghijklmnop-AAAA'
const secondKey = 'sk-test-second-0123456789abcdefghijklmnop-BBBB'

describe.each([
  { width: 'at a desk', viewport: desktop, owner: 'ada', member: 'grace' },
  { width: 'on a phone', viewport: phone, owner: 'lin', member: 'mary' },
])('$width', ({ viewport, ...names }) => {
  let owner: Person
  let member: Person
  let agentPage: string
  let hubKey: string
  beforeAll(async () => {
    owner = await person(names.owner, viewport)
    member = await person(names.member, viewport)
  })
  afterAll(async () => {
    await owner?.close()
    await member?.close()
  })

  test('somebody comes to the server and makes a workspace', async () => {
    const { page } = owner
    await join(owner, it)
    await page.goto(`${it.url}/workspaces/new`)
    await page.getByLabel('Name').fill(`Team of ${names.owner}`)
    await page.getByRole('button', { name: 'Create workspace' }).click()
    await page.getByRole('heading', { name: 'Agents', exact: true }).waitFor()
  })

  test('stores a key, which is nowhere on the page afterwards', async () => {
    const { page } = owner
    await goTo(page, 'Keys and credentials')
    await page.getByRole('button', { name: 'Add provider key' }).first().click()
    await page.getByLabel('Which provider is it for?').fill('compatible')
    await page
      .getByRole('dialog')
      .getByRole('button', { name: /Any OpenAI-compatible API/ })
      .first()
      .click()
    await page.getByRole('dialog').getByLabel('Name').first().fill('Local model')
    await page.getByLabel('Address of the service').fill(`http://${it.provider.host}:${it.provider.port}/v1`)
    await page.getByLabel('API key').first().fill(firstKey)
    await page.getByLabel('Try it at once').uncheck()
    await page.getByRole('button', { name: 'Store it' }).click()
    await confirmIfAsked(owner, () => dialogsGone(page))
    await page.getByText('Local model').first().waitFor()
    expect(await page.content()).not.toContain(firstKey)
    expect(await kept(owner)).not.toContain(firstKey)
  })

  test('deploys an agent with it, and sees it become healthy without asking', async () => {
    const { page } = owner
    await goTo(page, 'Agents')
    await page.getByRole('link', { name: 'Deploy an agent' }).first().click()
    await page.getByLabel('Name').first().fill('first')
    await page.getByLabel('Local model').check()
    await page.getByRole('button', { name: 'Deploy agent' }).click()
    await page.getByRole('heading', { level: 1, name: 'first' }).waitFor()
    await page.getByText('Running', { exact: true }).first().waitFor({ timeout: 240_000 })
    agentPage = page.url()
    provider ??= await startProvider(it.provider)
  })

  test('talks to it', async () => {
    const { page } = owner
    await page.goto(`${agentPage}/chat`)
    await page.getByLabel('Model').fill('test')
    await page.getByLabel('Your message').fill('Hello')
    await page.getByRole('button', { name: 'Send' }).click()
    await page.getByText('Hello from key AAAA').waitFor()
  })

  test('sees what it prints while it prints it', async () => {
    const { page } = owner
    const other = await owner.context.newPage()
    await other.setViewportSize(viewport)
    await other.goto(`${agentPage}/logs`)
    const log = other.getByRole('log')
    await log.getByText('"turn"').or(log.getByText('turn')).first().waitFor()
    const before = await log.getByText(/turn/).count()
    await page.getByLabel('Your message').fill('Once more')
    await page.getByRole('button', { name: 'Send' }).click()
    await waitUntil('another line', async () => (await log.getByText(/turn/).count()) > before, {
      deadlineMs: 90_000,
    })
    await other.close()
  })

  test('replaces the key, delivers it, and the agent answers with the new one', async () => {
    const { page } = owner
    await goTo(page, 'Keys and credentials')
    await page.getByRole('button', { name: 'More about Local model' }).click()
    await page.getByRole('menuitem', { name: 'Replace the secret' }).click()
    await page.getByLabel('API key').first().fill(secondKey)
    await page.getByRole('button', { name: 'Replace the secret' }).click()
    await confirmIfAsked(owner, () => dialogsGone(page))
    await page.goto(`${agentPage}/keys`)
    await page.getByText('version 1,').waitFor()
    await page.getByRole('button', { name: 'Deliver now' }).click()
    await page.getByText('version 2,').waitFor()
    await page.goto(`${agentPage}/chat`)
    await page.getByLabel('Your message').fill('Hello again')
    await page.getByRole('button', { name: 'Send' }).click()
    await page.getByText('Hello from key BBBB').waitFor()
  })

  test('makes a key for a program, which works, is rotated, and ends when it is revoked', async () => {
    const { page } = owner
    await goTo(page, 'Agent Hub keys')
    await page.getByRole('button', { name: 'Create a key' }).first().click()
    await page.getByRole('dialog').getByLabel('Name').first().fill('Nightly report')
    await page.getByLabel('See agents').check()
    await page.getByRole('button', { name: 'Create the key' }).click()
    hubKey = await shownKey(owner)
    expect(await agentsOf(hubKey)).toEqual([200, ['first']])
    await page.getByRole('button', { name: 'I have copied the key' }).click()
    expect(await page.content()).not.toContain(hubKey)

    await page.getByRole('button', { name: 'Rotate Nightly report' }).click()
    await page.getByLabel('Hours for which the old secret goes on working').fill('0')
    await page.getByRole('button', { name: 'Rotate the key' }).click()
    const rotated = await shownKey(owner)
    await page.getByRole('button', { name: 'I have copied the key' }).click()
    expect((await agentsOf(hubKey))[0]).toBe(401)
    expect(await agentsOf(rotated)).toEqual([200, ['first']])

    await page.getByRole('button', { name: 'Revoke Nightly report' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke the key' }).click()
    await confirmIfAsked(owner, () => dialogsGone(page))
    expect((await agentsOf(rotated))[0]).toBe(401)
  })

  test('invites somebody, who comes', async () => {
    const { page } = owner
    await goTo(page, 'Members')
    await page.getByRole('button', { name: 'Invite somebody' }).click()
    await page.getByLabel('E-mail address').fill(member.email)
    await page.getByRole('radio', { name: 'Editor' }).check()
    await page.getByRole('button', { name: 'Make an invitation' }).click()
    const link = page.getByLabel('Invitation link')
    await confirmIfAsked(owner, () => link.waitFor())
    const invitation = await link.inputValue()
    await page.getByRole('button', { name: 'Done' }).click()

    await join(member, it)
    await member.page.goto(invitation)
    await member.page.getByRole('button', { name: 'Accept invitation' }).click()
    await member.page.getByRole('link', { name: 'first' }).first().waitFor()
    expect(member.page.url()).not.toContain('nora_invite')
  })

  test('demotes them, and their page follows; removes them while they read a log, and it closes', async () => {
    const { page } = owner
    await member.page.goto(`${agentPage}/logs`)
    await member.page.getByRole('log').getByText(/turn/).first().waitFor()
    await member.page.getByRole('button', { name: 'More actions' }).waitFor()
    await page.getByRole('button', { name: new RegExp(`Change role of ${member.email}`) }).click()
    await page.getByRole('radio', { name: 'Viewer' }).check()
    await page.getByRole('dialog').getByRole('button', { name: 'Change role' }).click()
    await confirmIfAsked(owner, () => dialogsGone(page))
    await member.page.getByRole('button', { name: 'More actions' }).waitFor({ state: 'detached' })

    await page.getByRole('button', { name: new RegExp(`Remove ${member.email}`) }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Remove member' }).click()
    await confirmIfAsked(owner, () => dialogsGone(page))
    await member.page.getByRole('heading', { name: /not in this workspace/i }).waitFor()
  })

  test('nothing failed on any page, and nothing was asked of another server', () => {
    for (const { faults, requests } of [owner, member]) {
      expect(faults).toEqual([])
      expect(
        requests.filter((url) => !url.startsWith(it.url) && !url.startsWith(it.url.replace('http', 'ws'))),
      ).toEqual([])
    }
  })
})

test('an admin disables somebody in the admin app, and their page is theirs no more', async () => {
  const admin = await person('ada')
  const somebody = await person('mary')
  try {
    const { page } = somebody
    await page.goto(`${it.url}/sign-in`)
    await page.getByLabel('E-mail').fill(somebody.email)
    await page.locator('input[type=password]').fill(somebody.password)
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await page.getByRole('heading', { name: 'Agents', exact: true }).waitFor()

    await admin.page.goto(`${it.url}/admin/`)
    await admin.page.getByLabel('E-mail').fill(admin.email)
    await admin.page.locator('input[type=password]').fill(admin.password)
    await admin.page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await admin.page.getByRole('heading', { name: 'Overview' }).waitFor()
    await admin.page.getByRole('link', { name: 'People', exact: true }).first().click()
    await admin.page.getByRole('link', { name: somebody.email }).click()
    await admin.page.getByRole('button', { name: 'Disable' }).click()
    await admin.page.getByRole('button', { name: 'Disable account' }).click()
    await confirmIfAsked(admin, () => admin.page.getByText('The account is disabled.').waitFor())
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    expect([...admin.faults, ...somebody.faults]).toEqual([])
  } finally {
    await admin.close()
    await somebody.close()
  }
})

/** Everything that a page may keep: of this browser, for this server. */
const kept = ({ page }: Person) =>
  page.evaluate<string>(
    'JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href])',
  )

async function shownKey(owner: Person): Promise<string> {
  const shown = owner.page.getByLabel('The key', { exact: true })
  await confirmIfAsked(owner, () => shown.waitFor())
  return (await shown.textContent())?.trim() ?? ''
}

/** What a program with this key gets from the list of agents: the status, and their names. */
async function agentsOf(key: string): Promise<[number, string[]]> {
  const answer = await fetch(`${it.url}/api/agent-hub/agents`, {
    headers: { authorization: `Bearer ${key}` },
    signal: AbortSignal.timeout(60_000),
  })
  const { items = [] } = (await answer.json()) as { items?: { name: string }[] }
  return [answer.status, items.map(({ name }) => name)]
}
