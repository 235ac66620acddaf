import { letsIn, type Outcome } from './cells.ts'
import { type Principal, principalNames, principals } from './principals.ts'
import type { Row } from './row.ts'
import { areas } from './table.ts'

/** The matrix as docs/authorization.md. */
export function authorizationPage(): string {
  return `${[head(), ...Object.entries(areas).map(([area, rows]) => section(area, rows))].join('\n\n')}\n`
}

function head(): string {
  const rows = Object.values(areas).flat()
  const routes = new Set(rows.map((row) => row.route)).size
  return [
    '# Who may do what',
    '',
    '<!-- Written by `npm run docs:authorization` from services/api/src/authorization. -->',
    '',
    `${routes} routes, ${principalNames.length} principals, ${rows.length * principalNames.length} cells. ` +
      '`npm test` asks every one of them of the real server: a cell that answers otherwise fails, a route without a row fails, ' +
      'and so does a refusal that changed a row of the database.',
    '',
    '| Principal | Who that is |',
    '| --- | --- |',
    ...principalNames.map((name) => `| ${words(name)} | ${principals[name]} |`),
    '',
    '**200** (or another bold status): let in and answered so; **open**: the socket stays open. 401 `unauthenticated`, 403 ' +
      '`forbidden` and 404 `not-found` are written as the status alone, other refusals with their code. ⇧ after a route: it ' +
      'needs the password again, and answers 403 `step-up-required` to whoever is let in without it. A `HEAD` is answered as its `GET`.',
  ].join('\n')
}

function section(area: string, rows: readonly Row[]): string {
  return [
    `## ${area}`,
    '',
    `| Route | ${principalNames.map(words).join(' | ')} |`,
    `| --- |${' --- |'.repeat(principalNames.length)}`,
    ...rows.map(
      (row) => `| ${nameOf(row)} | ${principalNames.map((one) => shown(row.cells[one])).join(' | ')} |`,
    ),
  ].join('\n')
}

function nameOf({ route, example }: Row): string {
  const [method, path = ''] = route.split(' ')
  const mark = example.stepUp ? ' ⇧' : ''
  const when = example.when === undefined ? '' : ` ${example.when}`
  return `${method} \`${path.replace('/api/', '')}\`${mark}${when}`
}

const plain = new Set<Outcome>(['401 unauthenticated', '403 forbidden', '404 not-found'])

function shown(outcome: Outcome): string {
  if (letsIn(outcome)) return outcome === 101 ? '**open**' : `**${outcome}**`
  if (plain.has(outcome)) return outcome.slice(0, 3)
  const [first, ...rest] = outcome.split(' ')
  return first === 'closed' ? outcome : `${first} \`${rest.join(' ')}\``
}

/** `platformAdmin` -> `platform admin` */
const words = (name: Principal) => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
