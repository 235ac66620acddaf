import { describe, expect, test } from 'vitest'
import { parseDsn } from './error-reports.ts'

describe('a DSN', () => {
  test('says where, with which key, and which host alone may be dialled', () => {
    expect(parseDsn('https://0a1b@sentry.example.org/7')).toEqual({
      url: new URL('https://sentry.example.org/api/7/envelope/'),
      publicKey: '0a1b',
      allowHosts: [{ kind: 'host', host: 'sentry.example.org', port: 443 }],
    })
    expect(parseDsn('https://0a1b@[fd00::5]:9000/a/b/12')).toEqual({
      url: new URL('https://[fd00::5]:9000/a/b/api/12/envelope/'),
      publicKey: '0a1b',
      allowHosts: [{ kind: 'host', host: 'fd00::5', port: 9000 }],
    })
    expect(parseDsn('http://0a1b@127.0.0.1:9000/1')?.url.href).toBe('http://127.0.0.1:9000/api/1/envelope/')
  })
  test.each([
    'sentry',
    'https://sentry.example.org/7',
    'https://0a1b:secret@sentry.example.org/7',
    'https://0a1b@sentry.example.org/',
    'https://0a1b@sentry.example.org/seven',
    'https://0a1b@sentry.example.org/7?x=1',
    'https://0a1b@sentry.example.org/7#x',
    'http://0a1b@sentry.example.org/7',
    'ftp://0a1b@127.0.0.1/7',
    'https://0a1b%0d%0a@sentry.example.org/7',
  ])('%s is none', (text) => {
    expect(parseDsn(text)).toBeUndefined()
  })
})
