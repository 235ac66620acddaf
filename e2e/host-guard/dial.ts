import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)
export type Target = readonly [address: string, port: number]

const node = async (containerId: string, program: string, timeout = 240_000) => {
  const command = ['exec', containerId, '/bin/node', '-e', program]
  const { stdout } = await run('docker', command, { timeout, maxBuffer: 2 ** 24 })
  return stdout
}

// Gives `open`, `no answer` after the time, or the error's code. What came while the program stood still is looked at before it gives up.
const dialler = `const { connect } = require('node:net')
  const dial = (host, port, ms) => new Promise((done) => {
    const s = connect({ host, port })
    const end = (word) => { clearTimeout(timer); s.destroy(); done(word) }
    const timer = setTimeout(() => setImmediate(end, 'no answer'), ms)
    s.on('connect', () => end('open')).on('error', (e) => end(e.code))
  })`

/** What a program inside a container meets at each target, by `address:port`. */
export async function scan(containerId: string, targets: readonly Target[]): Promise<Record<string, string>> {
  const program = `${dialler}
    const targets = ${JSON.stringify(targets)}, met = {}
    let next = 0
    const lane = async () => {
      while (next < targets.length) {
        const [host, port] = targets[next++]
        met[host + ':' + port] = await dial(host, port, 700)
      }
    }
    Promise.all(Array.from({ length: 200 }, lane)).then(() => console.log(JSON.stringify(met)))`
  return JSON.parse(await node(containerId, program))
}

/** Dials one target for `seconds`, 150 at a time; ends early at the first connection when told to. */
export async function dialOn(
  containerId: string,
  [host, port]: Target,
  { seconds, untilOpen }: { seconds: number; untilOpen: boolean },
): Promise<{ dials: number; open: number }> {
  const program = `${dialler}
    const until = Date.now() + ${seconds * 1000}, met = { dials: 0, open: 0 }
    const lane = async () => {
      while (Date.now() < until && !(${untilOpen} && met.open > 0)) {
        const word = await dial(${JSON.stringify(host)}, ${port}, 250)
        met.dials++
        if (word !== 'no answer') met.open++
      }
    }
    Promise.all(Array.from({ length: 150 }, lane)).then(() => console.log(JSON.stringify(met)))`
  return JSON.parse(await node(containerId, program, (seconds + 240) * 1000))
}

/** Asks a name server; undefined: no answer. `own`: through the container's own resolver. */
export async function lookUp(containerId: string, server: string | 'own'): Promise<string[] | undefined> {
  const program = `const { Resolver } = require('node:dns').promises
    const r = new Resolver({ timeout: 1500, tries: 2 })
    if (${JSON.stringify(server)} !== 'own') r.setServers([${JSON.stringify(server)}])
    r.resolve4('anything.example').then((a) => console.log(JSON.stringify(a)), () => console.log('null'))`
  return JSON.parse(await node(containerId, program)) ?? undefined
}
