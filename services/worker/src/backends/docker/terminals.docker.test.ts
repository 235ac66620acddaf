import { once } from 'node:events'
import { waitUntil } from '@nora/testing/wait-until'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { assemble } from '../../images/build.ts'
import { programWithLibraries } from '../../images/closure.ts'
import type { Backend, Target, Terminal } from '../backend.ts'
import { deploy, soon } from '../testing/agent.ts'
import { type DockerFixture, dockerFixture } from './testing/docker-fixture.ts'

let it: DockerFixture
let backend: Backend
let target: Target
let containerId: string

beforeAll(async () => {
  it = await dockerFixture()
  backend = it.backend
  target = it.target({ command: ['/bin/sh', '-c', 'while :; do sleep 3600; done'] })
  containerId = (await deploy(backend, target)).containerId
}, 300_000)
afterAll(() => it?.close(), 300_000)

type Opened = Terminal & { said: () => string; until: (text: string) => Promise<unknown> }

async function open(size = { cols: 100, rows: 40 }): Promise<Opened> {
  const terminal = await backend.openTerminal(target.agentId, containerId, size, soon())
  let said = ''
  terminal.stream.on('data', (chunk: Buffer) => {
    said += chunk.toString('utf8')
  })
  terminal.stream.resume()
  const until = (text: string) =>
    waitUntil(`“${text}”`, () => said.includes(text)).catch((error) => {
      throw new Error(`${error.message}: ${JSON.stringify(said)}`)
    })
  return { ...terminal, said: () => said, until }
}

/** Commands that run in the container, as the host sees them. */
async function running(): Promise<string[]> {
  const { Processes } = await it.docker.getContainer(containerId).top({ ps_args: '-eo pid,args' })
  return (Processes as string[][]).map((row) => row[1]!)
}
const programs = async () => (await running()).filter((one) => !/docker-init|sleep 3600|while :/.test(one))

describe('a terminal', () => {
  test('is a shell as the agent’s user, of the size asked for, that echoes and ends with its code', async () => {
    const one = await open()
    // Before its prompt, what is typed is echoed ahead of it.
    await one.until('$ ')
    one.stream.write('id -u; echo "size $(stat -c %F /dev/stdin)"; echo caps $((1 + 1)) $TERM\n')
    await one.until('caps 2 xterm-256color')
    expect(one.said()).toContain('\r\n10001\r\n')
    expect(one.said()).not.toMatch(/^\d+\r\n/)
    one.stream.write('exit 7\n')
    await once(one.stream, 'end')
    one.stream.destroy()
    expect(await one.exitCode(soon())).toBe(7)
    expect(await backend.endTerminal(one.place, soon())).toBe('ended')
    expect(await programs()).toEqual([])
  })

  test('has no more rights than the agent: no capability, no way to gain one, a root that cannot be written', async () => {
    const one = await open()
    one.stream.write(
      'while read -r l; do case $l in Cap*|NoNew*) echo "$l";; esac; done < /proc/self/status\n',
    )
    one.stream.write('touch /x; echo done\n')
    await one.until('Read-only file system')
    expect(one.said()).toMatch(/CapEff:\s+0{16}/)
    expect(one.said()).toMatch(/CapBnd:\s+0{16}/)
    expect(one.said()).toMatch(/NoNewPrivs:\s+1/)
    one.stream.destroy()
    await backend.endTerminal(one.place, soon())
  })

  test('leaves nothing behind when its line drops, not what ignores that, nor what runs beside', async () => {
    const one = await open()
    one.stream.write(
      'sleep 1111 &\n(trap "" HUP; sleep 2222; sleep 2223) &\nset -m; sleep 4444 &\necho "up"$((0))\n',
    )
    await one.until('up0')
    one.stream.write('(trap "" HUP TERM INT; while :; do sleep 5555; done)\n')
    await waitUntil(
      'all of it',
      async () => (await programs()).filter((name) => /sleep \d{4}/.test(name)).length === 4,
    )
    one.stream.destroy()
    await waitUntil('the end of the line', () => one.stream.destroyed)
    expect((await programs()).length).toBeGreaterThan(4)
    expect(await backend.endTerminal(one.place, soon())).toBe('ended')
    expect(await programs()).toEqual([])
  })

  test('whose program goes by a name full of brackets and line ends is ended all the same', async () => {
    const one = await open()
    one.stream.write(
      'cp /bin/sleep "/state/s) S 1 1 1\n2) R 0" && "/state/s) S 1 1 1\n2) R 0" 777 & echo "up"$((0))\n',
    )
    await one.until('up0')
    await waitUntil('it', async () => (await programs()).some((name) => name.includes('777')))
    one.stream.destroy()
    expect(await backend.endTerminal(one.place, soon())).toBe('ended')
    expect(await programs()).toEqual([])
  })

  test('is ended in its own session alone: the agent and another terminal go on', async () => {
    const [one, other] = [await open(), await open()]
    expect(await backend.endTerminal(one.place, soon())).toBe('ended')
    other.stream.write('echo still $((40 + 2))\n')
    await other.until('still 42')
    expect((await running()).some((name) => name.includes('while :'))).toBe(true)
    await backend.endTerminal(other.place, soon())
  })

  test('is resized', async () => {
    const one = await open({ cols: 90, rows: 30 })
    // What is typed is echoed: only what the shell makes of it tells that the signal came.
    one.stream.write(`trap 'echo "winch"$((40 + 2))' WINCH; echo "up"$((0))\n`)
    await one.until('up0')
    await one.resize({ cols: 132, rows: 50 }, soon())
    one.stream.write('\n')
    await one.until('winch42')
    await backend.endTerminal(one.place, soon())
  })
})

describe('who gets none', () => {
  const refused = (agentId: string, id: string) =>
    backend.openTerminal(agentId, id, { cols: 80, rows: 24 }, soon()).catch((error) => error.code)

  test('another agent’s container, one that is not there, one that does not run', async () => {
    const other = it.target({ command: ['/bin/sh', '-c', 'exit 0'] })
    const { containerId: stopped } = await deploy(backend, other)
    await waitUntil('its end', async () => {
      const seen = await it.docker.getContainer(stopped).inspect()
      return !seen.State.Running
    })
    expect(await refused(other.agentId, containerId)).toBe('not-found')
    expect(await refused(target.agentId, 'f'.repeat(64))).toBe('not-found')
    expect(await refused(other.agentId, stopped)).toBe('not-found')
  })

  test('an image without a shell', async () => {
    const bare = it.target({ command: ['/bin/sleep', '3600'] })
    const { containerId: id } = await deploy(backend, bare)
    await it.docker.getContainer(id).remove({ force: true })
    const made = await it.docker.createContainer({
      Image: await shellless(),
      User: '10001:10001',
      Labels: { ...(await labelsOf()), 'com.nora.agent': bare.agentId },
      HostConfig: { NetworkMode: 'none' },
    })
    await made.start()
    expect(await refused(bare.agentId, made.id)).toBe('container-invalid')
  })

  const labelsOf = async () => (await it.docker.getContainer(containerId).inspect()).Config.Labels
  async function shellless(): Promise<string> {
    const files = await programWithLibraries('/bin/sleep', '/bin/sleep', soon())
    const dockerfile = 'FROM scratch\nCOPY root/ /\nUSER 10001:10001\nCMD ["/bin/sleep","3600"]\n'
    return (await assemble(it.docker, { name: 'shellless', files, dockerfile }, soon())).reference
  }

  test('an earlier run of the container has nothing to end', async () => {
    const one = await open()
    expect(await backend.endTerminal({ ...one.place, run: '2020-01-01T00:00:00Z' }, soon())).toBe('ended')
    one.stream.write('echo still $((40 + 2))\n')
    await one.until('still 42')
    await backend.endTerminal(one.place, soon())
  })

  test('when its container stops the terminal ends, and nothing is left to end', async () => {
    const one = await open()
    const end = once(one.stream, 'close')
    one.stream.on('end', () => one.stream.destroy())
    await backend.stop(target, soon())
    await end
    expect([137, 129, undefined]).toContain(await one.exitCode(soon()))
    expect(await backend.endTerminal(one.place, soon())).toBe('ended')
  })
})
