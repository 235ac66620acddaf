import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { runtimeNamed, runtimeNames } from './catalog.ts'
import { image } from './image.ts'
import type { AgentSpec, OpenedKey } from './runtime.ts'
import { starter } from './starter.ts'

const keyId = '11111111-1111-4111-8111-111111111111'
const spec = (more: Partial<AgentSpec> = {}): AgentSpec => ({
  id: '22222222-2222-4222-8222-222222222222',
  name: 'a',
  runtime: 'image',
  image: 'ghcr.io/you/agent:1.0',
  command: [],
  port: null,
  env: {},
  config: {},
  resources: { cpus: 1, memoryMb: 512, diskMb: 512, pids: 64 },
  providerKeyIds: [keyId],
  ...more,
})
const plainSpec = (more: Partial<AgentSpec> = {}) => spec({ runtime: 'starter', image: null, ...more })
const key = (more: Partial<OpenedKey> = {}): OpenedKey => ({
  id: keyId,
  kind: 'llm',
  provider: 'openai',
  label: 'main',
  baseUrl: null,
  permission: null,
  fields: { apiKey: Buffer.from('sk-1') },
  ...more,
})
const paths = (errors: { path: string }[]) => errors.map((error) => error.path)

test('the catalogue knows its runtimes and no other', () => {
  expect(runtimeNames).toEqual(['starter', 'image'])
  expect(runtimeNamed('image')).toBe(image)
  for (const name of ['openclaw', '', '__proto__', 'constructor']) expect(runtimeNamed(name)).toBeUndefined()
})

test.each(runtimeNames)(
  '%s starts with its own defaults, as the agent user, with nothing secret in its process',
  (name) => {
    const runtime = runtimeNamed(name)!
    const good = name === 'image' ? spec() : plainSpec()
    expect(runtime.validate({ ...good, resources: runtime.defaults })).toEqual([])
    const little = { ...runtime.minimum, memoryMb: runtime.minimum.memoryMb - 1 }
    expect(paths(runtime.validate({ ...good, resources: little }))).toEqual(['/resources/memoryMb'])
    expect(runtime.process(good)).toMatchObject({ user: '10001:10001', hostname: 'agent-222222222222' })
  },
)

test('keys.json holds any bytes of UTF-8, and only these keys', () => {
  const nasty = 'a"b\\c\n\u0000\u001f\u007f é 漢 😀 </script>'
  const fields = { apiKey: Buffer.from(nasty), id: Buffer.from('mine'), ['__proto__']: Buffer.from('p') }
  const [file, ...rest] = starter.secrets(
    plainSpec(),
    [key({ label: 'l"\n', fields }), key({ id: 'k2', fields: {} })],
    7,
  )
  expect(file!.name).toBe('keys.json')
  const parsed = JSON.parse(file!.content.toString('utf8'))
  expect(parsed.version).toBe(7)
  expect(Object.entries(parsed.keys[0])).toEqual(
    Object.entries({
      id: keyId,
      kind: 'llm',
      provider: 'openai',
      label: 'l"\n',
      baseUrl: 'https://api.openai.com/v1',
      apiKey: nasty,
      secret_id: 'mine',
      ['__proto__']: 'p',
    }),
  )
  expect(rest).toEqual([{ name: `key-${keyId}`, content: Buffer.from(nasty) }])
  expect(() => starter.secrets(plainSpec(), [key({ fields: { apiKey: Buffer.from([0xff]) } })], 1)).toThrow(
    RangeError,
  )
})

test('an exchange credential says what it may be used for, and no field of a secret can say otherwise', () => {
  const fields = {
    apiKey: Buffer.from('k'),
    apiSecret: Buffer.from('s'),
    permission: Buffer.from('trading_enabled'),
  }
  const exchange = key({ kind: 'exchange', provider: 'binance', permission: 'read_only', fields })
  for (const runtime of [starter, image]) {
    const [file] = runtime.secrets(runtime === image ? spec() : plainSpec(), [exchange], 1)
    expect(JSON.parse(file!.content.toString()).keys[0]).toMatchObject({
      kind: 'exchange',
      provider: 'binance',
      permission: 'read_only',
      apiKey: 'k',
      apiSecret: 's',
      secret_permission: 'trading_enabled',
    })
  }
})

test.each([
  ['integration', 'jira', { apiToken: 't', email: 'e' }, 't'],
  ['integration', 'twilio', { accountSid: 'AC', authToken: 't' }, 't'],
  ['exchange', 'hyperliquid', { privateKey: 'p', walletAddress: 'w' }, 'p'],
  ['integration', 'custom', { B: 'b' }, 'b'],
] as const)('the file of one %s (%s) holds the secret itself', (kind, provider, values, main) => {
  const fields = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Buffer.from(value)]))
  const files = image.secrets(spec(), [key({ kind, provider, fields })], 1)
  expect(files[1]).toEqual({ name: `key-${keyId}`, content: Buffer.from(main) })
})

test('a rendered file does not share memory with the opened key', () => {
  const opened = key()
  const files = image.secrets(spec({ config: { keyFiles: { 'my.txt': keyId } } }), [opened], 1)
  opened.fields['apiKey']!.fill(0)
  expect(files.map((file) => file.content.toString())).toEqual([
    expect.stringContaining('sk-1'),
    'sk-1',
    'sk-1',
  ])
})

test("a base URL of the key wins over the provider's", () => {
  const [file] = starter.secrets(
    plainSpec(),
    [key({ baseUrl: 'https://mine/v1' }), key({ provider: 'none' })],
    1,
  )
  const { keys } = JSON.parse(file!.content.toString())
  expect(keys.map((one: OpenedKey) => one.baseUrl)).toEqual(['https://mine/v1', null])
})

test('a shell gets each value as it is, whatever it holds', () => {
  const value = 'a\'b "c" $HOME `id` \\ \n*\n'
  const wanted = spec({
    command: ['printf', '%s|%s|%s', 'x'],
    config: { keyEnv: { TOKEN: keyId, OTHER: `${keyId}.user`, GONE: `${keyId}.none` } },
  })
  const fields = { apiKey: Buffer.from(value), user: Buffer.from('u1') }
  const files = image.secrets(wanted, [key({ fields })], 1)
  const dir = mkdtempSync(join(tmpdir(), 'runtimes-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  for (const file of files) writeFileSync(join(dir, file.name), file.content)
  const { command } = image.process(wanted)
  expect(command.join(' ')).not.toContain("a'b")
  const here = command.map((part) => part.replaceAll('/run/nora', dir))
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's own syntax
  const script = 'printf "%s|%s|%s" "$TOKEN" "$OTHER" "${GONE-unset}"'
  const out = execFileSync(here[0]!, [...here.slice(1, 4), 'sh', '-c', script], { env: {} })
  expect(out.toString()).toBe(`${value}|u1|unset`)
  const nul = { apiKey: Buffer.from('a\0b') }
  expect(() => image.secrets(spec({ config: { keyEnv: { A: keyId } } }), [key({ fields: nul })], 1)).toThrow(
    RangeError,
  )
})

test('an image may have a port, a probe, a volume and a command of its own', () => {
  const full = spec({
    port: 3000,
    command: ['run'],
    config: { probePath: '/ready?x=1', statePath: '/var/lib/agent' },
  })
  expect(image.validate(full)).toEqual([])
  expect(image.probe(full)).toMatchObject({ port: 3000, path: '/ready?x=1' })
  expect(image.state(full)).toEqual({ path: '/var/lib/agent' })
  expect(image.process(full)).toMatchObject({ command: ['run'], env: { HOME: '/var/lib/agent' } })
  expect(image.probe(spec())).toBeUndefined()
  expect(image.ports(spec())).toEqual({})
})

test.each<[string, Partial<AgentSpec>]>([
  ['/image', { image: null }],
  ['/image', { image: 'Upper/Case' }],
  ['/image', { image: 'a b' }],
  ['/image', { image: '../x' }],
  ['/image', { image: 'x@sha256:short' }],
  ['/image', { image: '--privileged' }],
  ['/env/1A', { env: { '1A': 'x' } }],
  ['/env/LD_PRELOAD', { env: { LD_PRELOAD: '/x.so' } }],
  ['/env/NORA_X', { env: { NORA_X: 'x' } }],
  ['/env/A', { env: { A: 'x\0' } }],
  ['/command', { command: ['a\0'] }],
  ['/config/privileged', { config: { privileged: true } }],
  ['/config/probePath', { config: { probePath: '/x' } }],
  ['/config/probePath', { port: 1, config: { probePath: 'http://169.254.169.254/' } }],
  ['/config/probePath', { port: 1, config: { probePath: '//host' } }],
  ['/config/probePath', { port: 1, config: { probePath: '/a/../b' } }],
  ['/config/startSeconds', { port: 1, config: { probePath: '/', startSeconds: 0 } }],
  ['/config/startSeconds', { port: 1, config: { probePath: '/', startSeconds: '60' } }],
  ['/config/startSeconds', { port: 1, config: { probePath: '/', startSeconds: 901 } }],
  ['/config/probePath', { port: 1, config: { probePath: '/a%0d%0ab' } }],
  ['/config/statePath', { config: { statePath: 'data' } }],
  ['/config/statePath', { config: { statePath: '/' } }],
  ['/config/statePath', { config: { statePath: '/run/nora' } }],
  ['/config/statePath', { config: { statePath: '/proc/1' } }],
  ['/config/statePath', { config: { statePath: '/data/../etc' } }],
  ['/config/statePath', { config: { statePath: '/data:ro' } }],
  ['/config/keyEnv', { command: ['x'], config: { keyEnv: [] } }],
  ['/config/keyEnv', { config: { keyEnv: { A: keyId } } }],
  ['/config/keyEnv/A', { command: ['x'], config: { keyEnv: { A: 'other' } } }],
  ['/config/keyEnv/A;id', { command: ['x'], config: { keyEnv: { 'A;id': keyId } } }],
  ['/config/keyEnv/A', { command: ['x'], env: { A: '1' }, config: { keyEnv: { A: keyId } } }],
  ['/config/keyFiles/../x', { config: { keyFiles: { '../x': keyId } } }],
  ['/config/keyFiles/keys.json', { config: { keyFiles: { 'keys.json': keyId } } }],
])('an image is refused at %s for %j', (path, more) => {
  expect(paths(image.validate(spec(more)))).toEqual([path])
})

test.each([
  'alpine',
  'alpine:3.20',
  'localhost:5000/a/b_c:1',
  'ghcr.io/you/agent@sha256:'.concat('a'.repeat(64)),
])('%s is an image', (reference) => {
  expect(image.validate(spec({ image: reference }))).toEqual([])
})

test('the starter refuses what it would ignore', () => {
  expect(
    paths(starter.validate(plainSpec({ image: 'x', command: ['y'], port: 1, config: { a: 1 } }))),
  ).toEqual(['/config/a', '/image', '/command', '/port'])
})
