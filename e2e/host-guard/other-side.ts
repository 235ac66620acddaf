import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { readlink } from 'node:fs/promises'
import { promisify } from 'node:util'
import { waitUntil } from '@nora/testing/wait-until'

const run = promisify(execFile)

/** What an agent may reach, and what it may not: all of it in a namespace of this test's own, so that nothing leaves the machine. */
export const places = {
  internet: '93.184.216.34',
  metadata: '169.254.169.254',
  private: ['10.255.77.77', '172.31.77.77', '192.168.177.77', '100.127.77.77', '198.18.77.77'],
  /** Private as well: only its port 53 is for agents. */
  resolver: '172.31.77.53',
}
const all = [places.internet, places.metadata, ...places.private, places.resolver]

// One answer to every question: the address of "the internet".
const servers = `
  const net = require('node:net'), dgram = require('node:dgram')
  const answer = (q) => {
    const end = q.indexOf(0, 12) + 5
    const head = Buffer.from([q[0], q[1], 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0])
    const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, ${places.internet.split('.').join(', ')}])
    return Buffer.concat([head, q.subarray(12, end), record])
  }
  for (const address of ${JSON.stringify(all)}) {
    const udp = dgram.createSocket('udp4')
    udp.on('message', (q, from) => udp.send(answer(q), from.port, from.address))
    udp.bind(53, address)
    for (const port of [53, 80, 8080]) net.createServer((s) => s.on('error', () => {}).end('there')).listen(port, address)
  }
  console.log('listening')`

export type OtherSide = { close(): Promise<void> }

/** A namespace behind a pair of virtual devices, with all these addresses, servers on them, and this host's routes to it. */
export async function otherSide(name: string): Promise<OtherSide> {
  const children: ChildProcess[] = []
  const device = `ng${name}`
  const close = async () => {
    // The routes go with the device.
    await run('ip', ['link', 'del', device]).catch(() => undefined)
    for (const child of children) child.kill('SIGKILL')
  }
  try {
    const { stdout } = await run('ip', ['-4', 'route', 'show'])
    const taken = all.filter((address) => stdout.includes(`${address} `))
    if (taken.length > 0) throw new Error(`this machine has routes to ${taken.join(', ')} already`)
    const holder = spawn('unshare', ['--net', 'tail', '-f', '/dev/null'], { stdio: 'ignore' })
    children.push(holder)
    const own = await readlink('/proc/self/ns/net')
    const apart = async () => (await readlink(`/proc/${holder.pid}/ns/net`)) !== own
    await waitUntil('a namespace', apart, { deadlineMs: 60_000 })
    const inside = (...command: string[]) => run('nsenter', ['--net', `--target=${holder.pid}`, ...command])
    const peer = ['peer', 'name', 'eth0', 'netns', String(holder.pid)]
    await run('ip', ['link', 'add', device, 'type', 'veth', ...peer])
    await run('ip', ['address', 'add', '198.18.76.1/30', 'dev', device])
    await run('ip', ['link', 'set', device, 'up'])
    await inside('ip', 'link', 'set', 'lo', 'up')
    await inside('ip', 'address', 'add', '198.18.76.2/30', 'dev', 'eth0')
    await inside('ip', 'link', 'set', 'eth0', 'up')
    await inside('ip', 'route', 'add', 'default', 'via', '198.18.76.1')
    for (const address of all) {
      await inside('ip', 'address', 'add', `${address}/32`, 'dev', 'lo')
      await run('ip', ['route', 'add', `${address}/32`, 'via', '198.18.76.2', 'dev', device])
    }
    const program = ['--net', `--target=${holder.pid}`, process.execPath, '-e', servers]
    const server = spawn('nsenter', program, { stdio: ['ignore', 'pipe', 'inherit'] })
    children.push(server)
    let said = ''
    server.stdout.on('data', (bytes) => {
      said += bytes
    })
    await waitUntil('servers', async () => said.includes('listening'), { deadlineMs: 60_000 })
    return { close }
  } catch (error) {
    await close()
    throw error
  }
}
