import { fc, hostileText } from '@nora/testing/fuzz'
import { describe, expect, test } from 'vitest'
import { readSettings, SettingsError, settingNames } from './settings.ts'

const names = { publicHost: 'nora.test', adminHost: 'admin.nora.test' }
const problemsOf = (given: Record<string, unknown>): readonly string[] => {
  try {
    readSettings(given)
    return []
  } catch (error) {
    if (error instanceof SettingsError) return error.problems
    throw error
  }
}

describe('a setting is what it may be, or nothing is written', () => {
  const good: Record<string, unknown>[] = [
    { publicHost: 'Nora.Test' },
    { publicHost: '192.0.2.1' },
    { publicHost: '[2001:db8::1]' },
    { publicHost: 'localhost', adminHost: 'localhost' },
    { publicHost: '127.0.0.2', adminHost: '127.0.0.2' },
    { agentsDomain: 'agents.test', realIp: 'cloudflare' },
    { realIp: '10.0.0.1,192.0.2.0/24,2001:db8::/32' },
    { httpsPort: '18443', realCertificate: 'true', ocspStapling: true },
    { apiUpstream: '10.0.0.2:8080', consoleUpstream: '[fd00::1]:80', adminUpstream: 'nora_admin_1:8080' },
    { listen: ['0.0.0.0', '::'], accessLog: 'off', captcha: 'recaptcha' },
  ]
  test.each(good)('%j', (given) => expect(problemsOf({ ...names, ...given })).toEqual([]))

  const bad: [string, unknown][] = [
    ...[
      '',
      'a b',
      'a;b',
      'nora.test/',
      'https://nora.test',
      'nora.test:443',
      '*.nora.test',
      '-a.test',
      'a..b',
      '10.1',
      '1.2.3.4.5',
      '::1',
      '[::1',
      `${'a'.repeat(64)}.test`,
      'nora.test.',
      '_',
      '$host',
      7,
      null,
      ['a'],
    ].map((value): [string, unknown] => ['publicHost', value]),
    ...[
      '/',
      'etc',
      '/etc/../root',
      '/a b',
      '/a;',
      '/a"b',
      '/a$b',
      '/a\nb',
      '/a{',
      '/a//b',
      '/a/',
      '/a#b',
    ].map((value): [string, unknown] => ['certDir', value]),
    ...[
      'api',
      'api:0',
      'api:65536',
      'api:80:80',
      'http://api:80',
      'unix:/x:80',
      'a b:80',
      'api:8080 backup',
    ].map((value): [string, unknown] => ['apiUpstream', value]),
    ...[
      '0.0.0.0/0',
      '::/0',
      'all',
      '10.0.0.0/33',
      '10.0.0.0/7',
      'unix:',
      '',
      'cloudflare,10.0.0.1',
      '10.0.0.1; x',
      'fe80::1%eth0',
      ['10.0.0.1', 'x'],
      [],
    ].map((value): [string, unknown] => ['realIp', value]),
    ...[0, 65_536, 1.5, '8080;', '0x50', -1, 'NaN', ''].map((value): [string, unknown] => [
      'httpsPort',
      value,
    ]),
    ['realCertificate', 'yes'],
    ['captcha', 'hcaptcha'],
    ['invokeMaxBodyMb', 1025],
    ['listen', '*'],
    ['listen', 'unix:/tmp/x'],
    ['accessLog', 'syslog:server=x'],
  ]
  test.each(bad)('%s is not %j', (name, value) => {
    const problems = problemsOf({ ...names, [name]: value })
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(new RegExp(`^${name} must|^${name} is `))
  })

  test('whatever is said, only plain characters pass', () => {
    const anySetting = fc.constantFrom(...settingNames)
    fc.assert(
      fc.property(anySetting, hostileText(fc.domain(), fc.ipV4(), fc.ipV6()), (name, value) => {
        const given = { ...names, [name]: value }
        const problems = problemsOf(given)
        if (problems.length > 0) return problems.every((text) => value.length < 12 || !text.includes(value))
        return /^[\w.:/@+,[\]-]+$/.test(String(readSettings(given)[name]))
      }),
    )
  })

  test('what is missing, unknown or contradicts is said, all at once', () => {
    expect(problemsOf({ hostName: 'x', certDir: 'x' })).toEqual([
      'there is no setting "hostName"',
      'publicHost is missing',
      'adminHost is missing',
      expect.stringContaining('certDir must'),
    ])
    for (const one of ['nora.test', '127.example.org', '127.0.0.1.example.org'])
      expect(problemsOf({ publicHost: one, adminHost: one })[0]).toContain('another host')
    expect(problemsOf({ ...names, agentsDomain: 'nora.test' })[0]).toContain('agentsDomain')
    expect(problemsOf({ ...names, httpPort: 8443 })[0]).toContain('differ')
    expect(problemsOf({ ...names, onlyThroughProxy: true })[0]).toContain('realIp')
    expect(problemsOf({ ...names, ocspStapling: true })[0]).toContain('real certificate')
  })
})
