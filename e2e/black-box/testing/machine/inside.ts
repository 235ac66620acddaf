import { createHash } from 'node:crypto'
import { formsOf, type Secret } from './secrets.ts'

/** What a process in a container can read, with words as hashes: a secret is found without being told to whoever must not have it. */
export type Seen = {
  uid: number
  /** Path, or `env`, to SHA-256 of each word of 12 characters and more. */
  words: Record<string, string[]>
  sockets: string[]
}

/** A program for a container's own Node: prints `Seen` of its environment and of what it can read outside the code. */
export const lookAround = `
const fs = require('node:fs'), path = require('node:path'), { createHash } = require('node:crypto')
const seen = { uid: process.getuid(), words: {}, sockets: [] }
const hashes = (text) => [...new Set(text.match(/[\\w+/=.-]{12,}|[\\w+/-]{12,}/g) ?? [])]
  .flatMap((word) => [word, ...word.split(/[=.:]/)]).filter((word) => word.length >= 12)
  .map((word) => createHash('sha256').update(word).digest('hex'))
const note = (name, read) => { try { seen.words[name] = hashes(read()) } catch { seen.words[name] = [] } }
note('env', () => JSON.stringify(process.env))
for (const pid of fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name))) {
  for (const file of ['environ', 'cmdline']) note('/proc/' + pid + '/' + file, () => fs.readFileSync('/proc/' + pid + '/' + file, 'latin1'))
}
const walk = (folder, depth) => {
  let entries = []
  try { entries = fs.readdirSync(folder, { withFileTypes: true }) } catch { return }
  for (const entry of entries) {
    const file = path.join(folder, entry.name)
    if (entry.isSocket()) seen.sockets.push(file)
    else if (entry.isDirectory()) { if (depth < 8) walk(file, depth + 1) }
    else if (entry.isFile()) note(file, () => fs.statSync(file).size > 1e6 ? '' : fs.readFileSync(file, 'latin1'))
  }
}
for (const top of fs.readdirSync('/')) {
  if (!['proc', 'sys', 'app', 'usr', 'lib', 'lib64', 'bin', 'sbin', 'dev'].includes(top)) walk('/' + top, 0)
}
walk('/dev/shm', 0)
console.log(JSON.stringify(seen))
`

/** Where which secrets were seen, by name; empty when none was. Pure. */
export function secretsSeen(seen: Seen, secrets: Secret[]): string[] {
  const byHash = new Map<string, string>()
  for (const { name, value } of secrets) {
    for (const form of formsOf(value)) byHash.set(createHash('sha256').update(form).digest('hex'), name)
  }
  return Object.entries(seen.words).flatMap(([where, hashes]) =>
    hashes.flatMap((hash) => (byHash.has(hash) ? [`${byHash.get(hash)} in ${where}`] : [])),
  )
}

/** A program that prints which of these host:port can be connected to within two seconds each. */
export const tryToReach = (targets: string[]): string => `
const net = require('node:net')
const open = (target) => new Promise((resolve) => {
  const [host, port] = target.split(':')
  const socket = net.connect({ host, port: Number(port), timeout: 2000 }, () => { socket.destroy(); resolve([target]) })
  const closed = () => { socket.destroy(); resolve([]) }
  socket.on('error', closed).on('timeout', closed)
})
Promise.all(${JSON.stringify(targets)}.map(open)).then((found) => console.log(JSON.stringify(found.flat())))
`

/** A program that signs in to Postgres as its container does, and prints who it is and what it was refused. */
export const askPostgres = `
const pg = require('pg'), fs = require('node:fs')
const url = fs.readFileSync(process.env.DATABASE_URL_FILE, 'utf8').trim()
const main = async () => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 30000, statement_timeout: 30000 })
  await client.connect()
  const { rows } = await client.query('select current_user as name, rolsuper as super, rolbypassrls as bypass, rolcreaterole as makes from pg_roles where rolname = current_user')
  const refused = {}
  for (const sql of ['set role nora_worker', 'set role nora_migrator', 'select sealed from nora.credentials limit 1', 'select pg_read_file(\\'/etc/passwd\\')']) {
    refused[sql] = await client.query(sql).then(() => false, (error) => error.code)
  }
  await client.end()
  console.log(JSON.stringify({ ...rows[0], refused }))
}
main().catch((error) => { console.error(error.message); process.exit(1) })
`
