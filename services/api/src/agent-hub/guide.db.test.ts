import { readFile } from 'node:fs/promises'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { beforeAll, expect, test } from 'vitest'
import { invokedAgent } from '../testing/invoked-agent.ts'
import { password, testApi } from '../testing/test-api.ts'

// The commands of docs/agent-hub.md, read as a shell would as far as they need it, and sent.

const database = testDatabase()
const api = testApi(database, testRedis())
const agent = invokedAgent(database, api)
const page = new URL('../../../../docs/agent-hub.md', import.meta.url)
let lines: string[]
/** What the page calls `$NAME`. */
const named: Record<string, string> = { PASSWORD: password }

beforeAll(async () => {
  const blocks = [...(await readFile(page, 'utf8')).matchAll(/^```sh\n([\s\S]*?)^```/gm)]
  lines = blocks.flatMap((block) =>
    block[1]!
      .replaceAll(/\\\n\s*/g, '')
      .trim()
      .split('\n'),
  )
  const { owner } = agent
  const { body } = await owner.get('/api/auth/me')
  Object.assign(named, { TOKEN: owner.accessToken, WORKSPACE: body.personalWorkspaceId })
  const key = { provider: 'openai', label: 'k', secret: { apiKey: 'sk-test' } }
  named['PROVIDER_KEY'] = (await owner.post('/api/llm-providers', key)).body.id
  agent.handle = (_request, response) => response.end('{}')
})

const expand = (text: string) =>
  text.replace(/\$(\w+)/g, (_, name: string) => named[name] ?? `(nobody said what $${name} is)`)

/** Words with quotes: nothing is expanded between single ones. */
const wordsOf = (line: string) =>
  [...line.matchAll(/'([^']*)'|"((?:\\.|[^"\\])*)"|(\S+)/g)].map(
    ([, plain, quoted, bare]) => plain ?? expand((quoted ?? bare)!.replaceAll('\\"', '"')),
  )

async function curl(words: string[]) {
  const headers: Record<string, string> = {}
  let [method, url, body] = ['GET', '', undefined as string | undefined]
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '-X') method = words.shift()!
    else if (word === '-d') body = words.shift()!
    else if (word === '-H') {
      const [, name, value] = /^([^:]+): (.*)$/.exec(words.shift()!)!
      headers[name!.toLowerCase()] = value!
    } else if (!/^-[sN]$/.test(word)) url = word
  }
  const options = { headers, ...(body !== undefined && { raw: body }) }
  return api.anonymous.request(method, url.slice(api.url.length), options)
}

test('every command of the guide does what it says', async () => {
  let count = 0
  for (const line of lines) {
    const assigned = /^([A-Z]+)=(.*)$/.exec(line)
    if (assigned) {
      named[assigned[1]!] = assigned[1] === 'NORA' ? api.url : wordsOf(assigned[2]!)[0]!
      continue
    }
    const [program, ...words] = wordsOf(line)
    expect(program, line).toBe('curl')
    const answer = await curl(words)
    expect(answer.status, `${line}\n${answer.text}`).toBeLessThan(300)
    count++
    if (answer.body?.key) Object.assign(named, { KEY: answer.body.key, KEY_ID: answer.body.id })
    if (answer.body?.operation?.kind === 'provision') await becomeRunning(answer.body.id)
  }
  expect(count).toBeGreaterThan(12)
})

/** As a worker would have it when the reader goes on. */
async function becomeRunning(id: string): Promise<void> {
  named['AGENT'] = id
  await database.asSuperuser(
    `update nora.operations set status = 'succeeded', finished_at = now() where agent_id = $1`,
    [id],
  )
  await database.asSuperuser(
    `update nora.agents set state = 'running', gateway_id = (select id from nora.gateways limit 1) where id = $1`,
    [id],
  )
  await agent.route(id, agent.owner, agent.programPort)
}
