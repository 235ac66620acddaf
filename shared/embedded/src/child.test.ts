import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
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
  const script = `process.on('SIGTERM', () => fs.writeSync(1, 'heard')); console.log('up'); setInterval(() => {}, 1000)`
  const killed = async (logFile: string) => {
    const child = await launch({ command: process.execPath, args: ['-e', script], env, logFile })
    await waitFor(
      async () => ((await readFile(logFile, 'utf8')).includes('up') ? true : undefined),
      limits('no up'),
    )
    expect(await child.stop({ graceMs: 3_000 })).toEqual({ code: null, signal: 'SIGKILL' })
    return readFile(logFile, 'utf8')
  }
  // Once again for a child that stood still for its whole grace.
  let said = ''
  for (let n = 0; n < 5 && !said.includes('heard'); n++) said = await killed(join(folder, `log-${n}`))
  expect(said).toContain('heard')
})

/** A process of its own that launches `command`, with `path` before its own PATH, and the child's pid. */
async function parentOf(command: string, args: string[], path = ''): Promise<[ChildProcess, number]> {
  const options = { command, args, env: { PATH: path + process.env['PATH'] }, logFile: join(folder, 'log') }
  const script = `
    const { launch } = await import(${JSON.stringify(join(import.meta.dirname, 'child.ts'))})
    const child = await launch(${JSON.stringify(options)})
    process.stdout.write(String(child.pid))
    setInterval(() => {}, 1000)`
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [pid] = (await once(parent.stdout!, 'data')) as [Buffer]
  return [parent, Number(pid)]
}

const untilGone = (pid: number) =>
  waitFor(async () => {
    const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => 'gone')
    return state === 'gone' || state.includes(') Z ') ? true : undefined
  }, limits('the child outlived its parent'))

test('a child dies with a parent that is killed', async () => {
  const [parent, pid] = await parentOf('sleep', ['600'])
  parent.kill('SIGKILL')
  await untilGone(pid)
})

test('a child whose parent was killed before it could ask to die with it does not run', async () => {
  const tools = join(folder, 'tools')
  await mkdir(tools)
  const waits = join(folder, 'waits')
  const late = `#!/bin/sh\necho > ${waits}\nwhile kill -0 $PPID 2>/dev/null; do sleep 0.02; done\nPATH=\${PATH#*:} exec prlimit "$@"\n`
  await writeFile(join(tools, 'prlimit'), late, { mode: 0o755 })
  const ran = join(folder, 'ran')
  const [parent, pid] = await parentOf('sh', ['-c', `echo > ${ran}; exec sleep 60`], `${tools}:`)
  // Only then does it know whose death it waits for.
  await waitFor(
    () =>
      access(waits).then(
        () => true,
        () => undefined,
      ),
    limits('the child did not begin'),
  )
  parent.kill('SIGKILL')
  await untilGone(pid)
  await expect(access(ran)).rejects.toThrow('ENOENT')
})

test('a child has the environment that it was given, and no more', async () => {
  const logFile = join(folder, 'log')
  const child = await launch({ command: 'env', args: [], env: { ...env, ONE: 'a b' }, logFile })
  expect(await child.exited).toEqual({ code: 0, signal: null })
  const lines = (await readFile(logFile, 'utf8')).trim().split('\n')
  expect(lines.filter((line) => !line.startsWith('_=')).sort()).toEqual(['ONE=a b', `PATH=${env.PATH}`])
})

test('the prefix drops everything that was not asked for', () => {
  expect(privilegePrefix({ uid: 7, gid: 8, groups: [9], capabilities: ['chown'] }, 'TERM').join(' ')).toBe(
    'prlimit --core=0:0 setpriv --pdeathsig TERM --reuid 7 --regid 8 --groups 9 --no-new-privs ' +
      '--inh-caps=-all,+chown --bounding-set=-all,+chown --ambient-caps=-all,+chown',
  )
  expect(privilegePrefix(undefined, 'none')).toEqual(['prlimit', '--core=0:0'])
})
