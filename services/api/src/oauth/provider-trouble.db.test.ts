import { parseAllowedHost } from '@nora/config/provider-hosts'
import type { SignInProvider } from '@nora/config/sign-in-providers'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startApi, testApi } from '../testing/test-api.ts'
import { begin, browser, codeOf, comeBack, newcomer, signInAt } from './testing/browser.ts'
import { type Behaviour, localProvider } from './testing/local-provider.ts'

const database = testDatabase()
const unclaimed = testDatabase()
const redis = testRedis()
const provider = localProvider()
const signInAllowHosts = [parseAllowedHost('127.0.0.1')!]
const signInProviders: SignInProvider[] = []
const config = { signInProviders, signInAllowHosts }
const api = testApi(database, redis, { config })

beforeAll(async () => {
  signInProviders.push(provider.oidc)
  await api.signUp()
})
afterEach(() => provider.behave({}))

describe('a provider that', () => {
  const fresh = async (behaviour: Behaviour, step: 'start' | 'callback') => {
    const one = await startApi(database, redis, { config, deps: { capabilitySeed: api.deps.capabilitySeed } })
    try {
      provider.behave({})
      newcomer(provider)
      const who = browser(one)
      if (step === 'start') {
        provider.behave(behaviour)
        return codeOf(await who.get('/api/auth/oauth/oidc/start'))
      }
      const back = await provider.visit(await begin(who))
      provider.behave(behaviour)
      return codeOf(await comeBack(who, back))
    } finally {
      await one.close()
    }
  }

  test('is down is said to be so, and asked again with the next call', async () => {
    expect(await fresh({ down: true }, 'start')).toEqual([502, 'oauth-unreachable'])
    expect(await fresh({ down: true }, 'callback')).toEqual([502, 'oauth-unreachable'])
    expect(await fresh({ tokenStatus: 503 }, 'callback')).toEqual([502, 'oauth-unreachable'])
    provider.behave({})
    expect((await signInAt(browser(api), provider)).status).toBe(302)
  })

  test('refuses the code is not called down', async () => {
    expect(await fresh({ tokenStatus: 400 }, 'callback')).toEqual([403, 'oauth-refused'])
    expect(await fresh({ tokenStatus: 302 }, 'callback')).toEqual([403, 'oauth-refused'])
  })

  test('says that it is another issuer is not believed', async () => {
    const metadata = (same: object) => ({ ...same, issuer: 'https://evil.test' })
    expect(await fresh({ metadata }, 'start')).toEqual([403, 'oauth-refused'])
  })

  test('would send people to no web page is not followed', async () => {
    const metadata = (same: object) => ({ ...same, authorization_endpoint: 'javascript:alert(1)' })
    expect(await fresh({ metadata }, 'start')).toEqual([403, 'oauth-refused'])
  })

  test('is not known yet is asked once for all who come, and not for who comes back from nowhere', async () => {
    const one = await startApi(database, redis, { config, deps: { capabilitySeed: api.deps.capabilitySeed } })
    try {
      let discoveries = 0
      const metadata = (same: Record<string, unknown>) => {
        discoveries++
        return same
      }
      provider.behave({ metadata })
      const nowhere = await browser(one).get('/api/auth/oauth/oidc/callback?code=x&state=y')
      expect([codeOf(nowhere), discoveries]).toEqual([[400, 'oauth-flow-invalid'], 0])
      const many = Array.from({ length: 20 }, () => begin(browser(one)))
      await Promise.all(many)
      expect(discoveries).toBe(1)
    } finally {
      await one.close()
    }
  })

  test('names an endpoint inside our network is not asked there', async () => {
    const metadata = (same: object) => ({ ...same, token_endpoint: 'https://169.254.169.254/token' })
    const narrow = [parseAllowedHost(new URL(provider.issuer).host)!]
    const one = await startApi(database, redis, {
      config: { signInProviders, signInAllowHosts: narrow },
      deps: { capabilitySeed: api.deps.capabilitySeed },
    })
    try {
      newcomer(provider)
      provider.behave({ metadata })
      const who = browser(one)
      const answer = await comeBack(who, await provider.visit(await begin(who)))
      expect(codeOf(answer)).toEqual([502, 'oauth-unreachable'])
      expect(one.logged.join()).toContain('is not a public address')
    } finally {
      await one.close()
    }
  })
})

test('a server that nobody has claimed is not claimed by a provider’s account', async () => {
  const one = await startApi(unclaimed, redis, { config })
  try {
    newcomer(provider)
    expect(codeOf(await signInAt(browser(one), provider))).toEqual([403, 'setup-token-required'])
    expect((await one.anonymous.get('/api/auth/bootstrap-status')).body).toEqual({ claimed: false })
  } finally {
    await one.close()
  }
})

test('round trips are counted per address', async () => {
  const one = await startApi(database, redis, {
    config,
    rateLimits: { oauth: { max: 3, windowMs: 3_600_000 } },
    deps: { capabilitySeed: api.deps.capabilitySeed },
  })
  try {
    const codes: number[] = []
    for (let n = 0; n < 5; n++) codes.push((await browser(one).get('/api/auth/oauth/oidc/start')).status)
    expect(codes).toEqual([302, 302, 302, 429, 429])
  } finally {
    await one.close()
  }
})
