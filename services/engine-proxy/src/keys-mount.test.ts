import { expect, test } from 'vitest'
import { keysMountProblem } from './keys-mount.ts'

const line = (point: string, options: string, kind = 'tmpfs') =>
  `43 27 0:39 / ${point} ${options} shared:1 - ${kind} ${kind} rw,mode=755`
const root = line('/', 'rw,relatime', 'ext4')

test('the nearest mount decides, the last of two on one path, and a name is no prefix', () => {
  const of = (...lines: string[]) => keysMountProblem('/run/nora/keys', [root, ...lines].join('\n'))
  const safe = line('/run/nora/keys', 'rw,nosuid,nosymfollow')
  expect(of(safe)).toBeUndefined()
  expect(of(line('/run/nora', 'rw,nosymfollow'))).toBeUndefined()
  expect(of()).toContain('nosymfollow')
  expect(of(line('/run/nora', 'rw,nosymfollow'), line('/run/nora/keys', 'rw'))).toContain(
    'follows symbolic links',
  )
  expect(of(safe, line('/run/nora/keys', 'rw'))).toContain('follows symbolic links')
  expect(of(line('/run/nora/keys', 'ro'), safe)).toBeUndefined()
  expect(of(line('/run/nora/keys2', 'rw,nosymfollow'))).toContain('follows symbolic links')
  expect(of(line('/run/nora/key', 'rw,nosymfollow'))).toContain('follows symbolic links')
  expect(of(line('/run/nora/keys', 'rw,nosymfollow', 'ext4'))).toContain('on a disk')
  expect(keysMountProblem('/a b', `${root}\n${line('/a\\040b', 'rw,nosymfollow')}`)).toBeUndefined()
})
