import { randomBytes } from 'node:crypto'
import { leastCpuMs } from '@nora/testing/own-time'
import { expect, test } from 'vitest'
import { openKeyFile, sealKeyFile } from './sealed-key-file.ts'

const passphrase = 'correct horse é battery'
const key = randomBytes(32)
const sealed = sealKeyFile(key, passphrase)

test('a key comes back with its passphrase, however its accents were typed', () => {
  expect(openKeyFile(sealed, passphrase).equals(key)).toBe(true)
  expect(openKeyFile(sealed, passphrase.normalize('NFD')).equals(key)).toBe(true)
  expect(sealed).not.toContain(key.toString('base64url').slice(0, 12))
  expect(sealed).toContain('argon2id m=262144 t=3 p=1\n')
  expect(sealKeyFile(key, passphrase)).not.toBe(sealed)
})

const said = (file: string, phrase = passphrase) => {
  try {
    openKeyFile(file, phrase)
    return 'opened'
  } catch (error) {
    return (error as Error).message
  }
}
const refusal = 'the passphrase is wrong, or the file is no sealed key or was changed'

test('a wrong passphrase and a file changed in any line are refused alike', () => {
  expect(said(sealed, `${passphrase}.`)).toBe(refusal)
  const flip = (line: string) =>
    sealed.replace(new RegExp(`^(${line} )(.)`, 'm'), (_, head, first) => head + (first === 'A' ? 'B' : 'A'))
  for (const line of ['salt', 'nonce', 'box']) expect(said(flip(line)), line).toBe(refusal)
  expect(said(sealed.replace('t=3', 't=4'))).toBe(refusal)
})

test.each([
  ['nothing', ''],
  ['another version', sealed.replace('key 1', 'key 2')],
  ['more behind it', `${sealed}x`],
  ['Windows line ends', sealed.replaceAll('\n', '\r\n')],
  ['a second spelling of the last character', sealed.replace(/(salt .{21})./, (_, head) => `${head}_`)],
  ['more memory than there may be', sealed.replace('m=262144', 'm=9999999')],
  ['a little more memory than there may be', sealed.replace('m=262144', 'm=524289')],
  ['so little that guessing is cheap', sealed.replace('m=262144', 'm=8')],
  ['passes for a day', sealed.replace('t=3', 't=99')],
  ['many lanes', sealed.replace('p=1', 'p=9')],
  ['a megabyte', 'a'.repeat(1_000_000)],
])('refused before any work is done: %s', (_, file) => {
  expect(said(file)).toBe(refusal)
  expect(leastCpuMs(() => said(file))).toBeLessThan(100)
})

test('a short passphrase and another length are not sealed', () => {
  expect(() => sealKeyFile(key, 'eleven char')).toThrow('at least 12 characters')
  expect(() => sealKeyFile(randomBytes(31), passphrase)).toThrow('32 bytes')
})
