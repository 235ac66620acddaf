import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseAllowedHost } from '@nora/config/provider-hosts'
import type { SignInProvider } from '@nora/config/sign-in-providers'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startApi, type TestApi } from '../testing/test-api.ts'
import { begin, browser, codeOf, comeBack, newcomer } from './testing/browser.ts'
import { localProvider } from './testing/local-provider.ts'

const database = testDatabase()
const redis = testRedis()
const provider = localProvider()
const signInProviders: SignInProvider[] = []
const html = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
let folder: string
let api: TestApi

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nora-pages-'))
  await writeFile(join(folder, 'index.html'), '<!doctype html><title>Nora</title>')
  signInProviders.push(provider.oidc)
  const signInAllowHosts = [parseAllowedHost('127.0.0.1')!]
  api = await startApi(database, redis, { config: { signInProviders, signInAllowHosts, consoleDir: folder } })
  await api.signUp()
})
afterEach(() => provider.behave({}))
afterAll(async () => {
  await api?.close()
  await rm(folder, { recursive: true, force: true })
})

describe('what goes wrong at a provider, where the api serves the console,', () => {
  const page = /^http:\/\/localhost:8080\/sign-in\/problem\?code=([a-z-]+)&id=[\w-]+$/

  test('a browser is shown by a page that is told the code alone', async () => {
    const who = browser(api)
    const answer = await who.get('/api/auth/oauth/oidc/callback?code=x&state=%3Cscript%3E', html)
    expect([answer.status, answer.headers.get('location')?.match(page)?.[1]]).toEqual([
      302,
      'oauth-flow-invalid',
    ])
    expect(answer.headers.get('location')).toContain(answer.headers.get('x-correlation-id'))
  })

  test('a browser is shown when the provider refuses, or is not there', async () => {
    newcomer(provider)
    const who = browser(api)
    const back = await provider.visit(await begin(who))
    provider.behave({ claims: (claims) => ({ ...claims, nonce: 'another' }) })
    const refused = await who.get(`${back.pathname}${back.search}`, html)
    expect(refused.headers.get('location')?.match(page)?.[1]).toBe('oauth-refused')
    const unknown = await who.get('/api/auth/oauth/nobody/start', html)
    expect(unknown.headers.get('location')?.match(page)?.[1]).toBe('not-found')
  })

  test('a program is answered with a problem document', async () => {
    const who = browser(api)
    const answer = await comeBack(who, new URL(`${api.url}/api/auth/oauth/oidc/callback?code=x&state=y`))
    expect(codeOf(answer)).toEqual([400, 'oauth-flow-invalid'])
  })

  test('what is right still ends where it was to', async () => {
    newcomer(provider)
    const who = browser(api)
    const back = await provider.visit(await begin(who, 'oidc', '?returnTo=/account/sign-in'))
    const answer = await who.get(`${back.pathname}${back.search}`, html)
    expect([answer.status, answer.headers.get('location')]).toEqual([
      302,
      'http://localhost:8080/account/sign-in',
    ])
  })
})
