import { randomUUID } from 'node:crypto'
import { fc, hostileText, readingOf } from '@nora/testing/fuzz'
import { fastify } from 'fastify'
import { beforeAll, describe, expect, test } from 'vitest'
import { csvHead, csvLine, jsonLine } from '../audit/export-rows.ts'
import { newRefreshToken, readRefreshToken } from '../auth/tokens.ts'
import type { Deps } from '../deps.ts'
import { type AccessClaims, type AccessTokens, installAccessTokens } from '../http/access-tokens.ts'
import { readFieldsOfCsv } from './testing/read-csv.ts'

describe('an access token', () => {
  let tokens: AccessTokens
  beforeAll(async () => {
    const app = fastify()
    const deps = { config: { jwtSecrets: ['0'.repeat(64), '1'.repeat(64)] }, clock: Date.now }
    await installAccessTokens(app, deps as unknown as Deps)
    tokens = app.accessTokens
  })
  const claims = fc.record<AccessClaims>({
    userId: fc.uuid(),
    sessionId: fc.uuid(),
    secret: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
    transport: fc.constantFrom('cookie', 'bearer'),
  })

  test('says what was signed', () => {
    fc.assert(
      fc.property(claims, (one) => {
        expect(tokens.verify(tokens.sign(one))).toEqual(one)
      }),
    )
  })
  test('is nothing that was not signed', () => {
    const signed = new Map<string, AccessClaims>()
    const good = claims.map((one) => {
      const token = tokens.sign(one)
      signed.set(token, one)
      return token
    })
    fc.assert(
      fc.property(hostileText(good), (text) => {
        const read = readingOf(() => tokens.verify(text))
        if (read) expect(signed.get(text)).toEqual(read)
      }),
    )
  })
})

test('a refresh token is read as it was made; nothing else is one', () => {
  const made = fc.constant(null).map(() => newRefreshToken().text)
  fc.assert(
    fc.property(hostileText(made), (text) => {
      const read = readingOf(() => readRefreshToken(text))
      if (!read) return
      expect(read.text).toBe(text)
      expect(read.secret).toHaveLength(32)
    }),
  )
})

describe('a row of the audit', () => {
  const text = hostileText(fc.constantFrom('=1+1', '@x', '-2', '+3', '\t=1', '"', ',', '\r\n')).map((one) =>
    one.slice(0, 500).toWellFormed(),
  )
  const row = fc.record({
    id: fc.constant(randomUUID()),
    timestamp: fc.constant('2026-01-02T03:04:05.000000Z'),
    event_type: text,
    actor_kind: fc.constantFrom(
      'user' as const,
      'system' as const,
      'operation' as const,
      'anonymous' as const,
    ),
    actor_id: fc.option(text),
    workspace_id: fc.option(fc.uuid()),
    target_kind: fc.option(text),
    target_id: fc.option(text),
    ip: fc.option(text),
    correlation_id: fc.option(text),
    details: fc.json(),
  })
  const shape = fc.constantFrom('brief' as const, 'full' as const)

  test('is one line of JSON with what it holds', () => {
    fc.assert(
      fc.property(row, shape, (one, of) => {
        const line = readingOf(() => jsonLine(one as never, of))!
        expect(line.indexOf('\n')).toBe(line.length - 1)
        expect(JSON.parse(line)).toMatchObject({
          event_type: one.event_type,
          details: JSON.parse(one.details),
        })
      }),
    )
  })
  test('is one record of CSV whose fields are text to a spreadsheet', () => {
    fc.assert(
      fc.property(row, shape, (one, of) => {
        const line = readingOf(() => csvLine(one as never, of))!
        const fields = readFieldsOfCsv(line)
        expect(fields).toHaveLength(readFieldsOfCsv(csvHead(of)).length)
        for (const field of fields) expect(field).not.toMatch(/^\s*[=+\-@|%]/)
        expect([one.event_type, `'${one.event_type}`]).toContain(fields[1])
      }),
    )
  })
})
