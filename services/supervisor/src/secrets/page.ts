import { inventory, type Secret } from './inventory.ts'

const begin = '<!-- made by `npm run docs:secrets` from services/supervisor/src/secrets: do not edit -->'
const end = '<!-- end of what is made -->'

/** docs/secrets.md with its table made anew. Throws when the page has lost the marks around the table. */
export function secretsPage(page: string): string {
  const from = page.indexOf(begin)
  const to = page.indexOf(end)
  if (from < 0 || to < from) throw new Error(`docs/secrets.md needs the lines "${begin}" and "${end}"`)
  return `${page.slice(0, from)}${begin}\n\n${table()}\n${page.slice(to)}`
}

function table(): string {
  const head = [
    ...['secret', 'type', 'lives in', 'read by', 'who has access', 'how it gets there', 'cadence'],
    ...['how it rotates', 'what people notice'],
  ]
  const rows = inventory.map((one) => [
    ...[`${code(one.name)}: ${one.what}`, one.type, placeOf(one), one.readBy.join(', '), accessTo(one)],
    ...[one.madeBy, one.cadenceDays === undefined ? cadenceOf(one) : `${one.cadenceDays} days`],
    ...[one.rotation ? `\`./setup.sh --rotate ${one.rotation}\`` : (one.how ?? ''), one.notice],
  ])
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('')
}

const code = (name: string) => (/^[A-Z0-9_]+$/.test(name) ? `\`${name}\`` : name)

function placeOf(one: Secret): string {
  const file = one.file ? `\`<config>/${one.file}.env\`` : one.path ? `\`<config>/${one.path}\`` : undefined
  return [file, one.place].filter(Boolean).join('; ')
}

const cadenceOf = (one: Secret) => (one.type === 'derived' ? 'with its source' : 'on leak only')

function accessTo(one: Secret): string {
  if (one.file || one.path) return 'root (without root: the user who installed Nora)'
  if (one.type === 'derived') return 'its readers, and root'
  return one.place?.endsWith('in the database')
    ? one.place.startsWith('encrypted')
      ? 'who has both the database and `ENCRYPTION_KEY`'
      : 'nobody: only a hash is kept'
    : 'its readers, and root'
}
