import { principalNames } from './principals.ts'
import type { Row } from './row.ts'
import { titleOf } from './row.ts'
import { accountRows } from './rows/accounts.ts'
import { adminRows } from './rows/admin.ts'
import { hubRows } from './rows/agent-hub.ts'
import { agentRows, invokeRows, streamRows } from './rows/agents.ts'
import { auditRows } from './rows/audit.ts'
import { exchangeCredentialRows, integrationRows } from './rows/credentials.ts'
import { identityRows } from './rows/identities.ts'
import { passkeyRows } from './rows/passkeys.ts'
import { providerKeyRows } from './rows/provider-keys.ts'
import { workspaceRows } from './rows/workspaces.ts'

/** The whole matrix by area: every route of the api, every principal, what it gets. docs/authorization.md shows it. */
export const areas: Record<string, Row[]> = {
  'Health, accounts and sessions': accountRows,
  'Sign-in by others': identityRows,
  'Passkeys and recovery codes': passkeyRows,
  Workspaces: workspaceRows,
  'Provider keys': providerKeyRows,
  Integrations: integrationRows,
  'Exchange credentials': exchangeCredentialRows,
  Agents: agentRows,
  'Calls to an agent': invokeRows,
  Streams: streamRows,
  'Agent Hub': hubRows,
  Audit: auditRows,
  Administration: adminRows,
}

export const table: Row[] = Object.values(areas).flat()

type Served = { method: string; url: string }
const where = 'decide in services/api/src/authorization/rows'

/**
 * What the table and the routes that are served do not agree about, each with where to decide it; empty when they do. A
 * HEAD that Fastify adds to a GET is decided by the row of the GET.
 */
export function undecided(served: readonly Served[], rows: readonly Row[] = table): string[] {
  const decided = new Set<string>(rows.map((row) => row.route))
  const names = new Set(served.map(({ method, url }) => `${method} ${url}`))
  const open = [...names].filter((name) => !decided.has(name) && !decided.has(name.replace(/^HEAD /, 'GET ')))
  const gone = [...decided].filter((name) => !names.has(name))
  const untried = [...decided].filter((name) => !gone.includes(name) && !isTried(name, rows))
  return [
    ...open.map((name) => `${name} has no row: ${where}`),
    ...gone.map(
      (name) => `${name} is not a route any more: remove its row from services/api/src/authorization/rows`,
    ),
    ...rows.flatMap((row) =>
      principalNames
        .filter((principal) => row.cells[principal] === undefined)
        .map((principal) => `${titleOf(row)}: nothing is decided for ${principal}: ${where}`),
    ),
    ...untried.map((name) => `${name} lets nobody in, so its example proves nothing: ${where}`),
  ]
}

const isTried = (name: string, rows: readonly Row[]) =>
  rows.some(
    (row) =>
      row.route === name &&
      (row.example.triedIn !== undefined ||
        Object.values(row.cells).some((cell) => typeof cell === 'number')),
  )
