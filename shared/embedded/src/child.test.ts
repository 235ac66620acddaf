import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { launch } from './child.ts'
import { privilegePrefix } from './privileges.ts'
import { waitFor } from './wait.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nora-child-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

const env = { PATH: process.env['PATH'] }
const limits = (describe: string) => ({
  signal: new AbortController().signal,
  deadlineMs: 60_000,
  describe: async () => describe,
})

test('a child that ignores SIGTERM is killed after its grace', async () => {
  const logFile = join(folder, 'log')
  const script = `process.on('SIGTERM', () => fs.writeSync(1, 'heard')); console.log('up'); setInterval(() => {}, 1000)`
  const child = await launch({ command: process.execPath, args: ['-e', script], env, logFile })
  await waitFor(
    async () => ((await readFile(logFile, 'utf8')).includes('up') ? true : undefined),
    limits('no up'),
  )
  expect(await child.stop({ graceMs: 3_000 })).toEqual({ code: null, signal: 'SIGKILL' })
  expect(await readFile(logFile, 'utf8')).toContain('heard')
})

test('a child dies with a parent that is killed', async () => {
  const module = JSON.stringify(join(import.meta.dirname, 'child.ts'))
  const script = `
    const { launch } = await import(${module})
    const child = await launch({ command: 'sleep', args: ['600'], env: process.env, logFile: ${JSON.stringify(join(folder, 'log'))} })
    process.stdout.write(String(child.pid))
    setInterval(() => {}, 1000)`
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [pid] = (await once(parent.stdout, 'data')) as [Buffer]
  parent.kill('SIGKILL')
  await waitFor(async () => {
    const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => 'gone')
    return state === 'gone' || state.includes(') Z ') ? true : undefined
  }, limits('the child outlived its parent'))
})

test('the prefix drops everything that was not asked for', () => {
  expect(privilegePrefix({ uid: 7, gid: 8, groups: [9], capabilities: ['chown'] }, 'TERM').join(' ')).toBe(
    'prlimit --core=0:0 setpriv --pdeathsig TERM --reuid 7 --regid 8 --groups 9 --no-new-privs ' +
      '--inh-caps=-all,+chown --bounding-set=-all,+chown --ambient-caps=-all,+chown',
  )
  expect(privilegePrefix(undefined, 'none')).toEqual(['prlimit', '--core=0:0'])
})
