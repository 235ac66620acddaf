import { isIP } from 'node:net'
import { fc, hostileText, readingOf } from '@nora/testing/fuzz'
import { describe, expect, test } from 'vitest'
import { loadApiConfig } from './api.ts'
import { loadMigrateConfig } from './migrate.ts'
import { isAllowedHost, parseAllowedHost } from './provider-hosts.ts'
import { ConfigError } from './reader.ts'
import { isLoopback, parseCidr, parseKey32, parseOrigin } from './values.ts'
import { variableNames } from './variables.ts'
import { loadWorkerConfig } from './worker.ts'

const address = fc.oneof(fc.ipV4(), fc.ipV4Extended(), fc.ipV6())
const block = fc.tuple(address, fc.nat(140)).map(([ip, bits]) => `${ip}/${bits}`)
const port = fc.tuple(fc.domain(), fc.nat(70_000)).map(([host, number]) => `${host}:${number}`)
const url = fc.webUrl({ withQueryParameters: true, withFragments: true })

describe('whatever an operator writes, an address', () => {
  test('or block is one or none', () => {
    fc.assert(
      fc.property(hostileText(address, block), (text) => {
        const read = readingOf(() => parseCidr(text))
        if (!read) return
        expect(isIP(read.address)).toBe(read.family)
        expect(read.prefix).toBeLessThanOrEqual(read.family === 4 ? 32 : 128)
      }),
    )
  })
  test('that providers may have is one or none, and the question about a host has an answer', () => {
    fc.assert(
      fc.property(hostileText(address, block, port), hostileText(address, fc.domain()), (text, host) => {
        const read = readingOf(() => parseAllowedHost(text))
        if (read) expect(typeof readingOf(() => isAllowedHost([read], host, 443))).toBe('boolean')
      }),
    )
  })
  test('is of this machine or not', () => {
    fc.assert(
      fc.property(hostileText(address, fc.constantFrom('localhost', '[::1]', '127.1')), (text) => {
        if (readingOf(() => isLoopback(text)) && isIP(text) === 4) expect(text.split('.')[0]).toBe('127')
      }),
    )
  })
  test('of a page is an origin and nothing more', () => {
    fc.assert(
      fc.property(hostileText(url), (text) => {
        const read = readingOf(() => parseOrigin(text))
        if (read) expect([read.origin, `${read.origin}/`]).toContain(text)
      }),
    )
  })
})

test('a key of 32 bytes has one spelling', () => {
  const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((b) => Buffer.from(b).toString('base64url'))
  fc.assert(
    fc.property(hostileText(key), (text) => {
      const read = readingOf(() => parseKey32(text))
      if (read) expect(read.toString('base64url')).toBe(text)
    }),
  )
})

describe('whatever the environment holds, the settings of', () => {
  // A path that cannot be read is told by its name, which is no secret; a process has no NUL in its environment.
  const value = hostileText(
    address,
    block,
    url,
    fc.integer().map(String),
    fc.constantFrom('true', 'false', 'production', '*', 'docker'),
    fc.constantFrom('postgres://nora_app:%zz@db:5432/nora', 'postgres://%e0%a4%a@db/nora', 'redis://%zz@x'),
    fc.constantFrom('global=1/1,login=2/2', 'login=0/0', 'constructor=1/1', '__proto__=1/1'),
  ).map((text) => text.replaceAll('\0', ''))
  const environment = fc.dictionary(fc.constantFrom(...variableNames), value, {
    maxKeys: variableNames.length,
  })
  const loads = { api: loadApiConfig, worker: loadWorkerConfig, migrate: loadMigrateConfig }

  test.each(Object.entries(loads))(
    '%s are read or refused with reasons that repeat none of it',
    (_, load) => {
      fc.assert(
        fc.property(environment, (env) => {
          readingOf(
            () => load(env),
            (error) => {
              if (!(error instanceof ConfigError)) return false
              const told = error.problems.join('\n')
              const secrets = [
                env['JWT_SECRET'],
                env['ENCRYPTION_KEY'],
                env['NORA_SEAL_KEY'],
                env['DATABASE_URL'],
              ]
              return secrets.every(
                (secret) => secret === undefined || secret.length < 12 || !told.includes(secret),
              )
            },
          )
        }),
      )
    },
  )
})
