import { programs } from '../cells.ts'
import { type RouteName, type Row, route } from '../row.ts'

const ids = { id: 'agent' } as const
const hub = '/api/agent-hub'
const starter = { name: 'made', runtime: 'starter' }
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const
const invocations = methods.flatMap((method): RouteName[] => [
  `${method} ${hub}/agents/:id/invoke`,
  `${method} ${hub}/agents/:id/invoke/*`,
])
/** From their own workspace, programs of another are answered as well where nothing of this one is named. */
const atHome = (outcome: number, reads: boolean) => ({
  ...programs(outcome, reads),
  programElsewhere: outcome,
})

const rows: Row[] = [
  route(`GET ${hub}/me`, { ...atHome(200, true), programWithout: 200 }),
  route(`GET ${hub}/agents`, atHome(200, true)),
  route(`POST ${hub}/agents`, atHome(202, false), { body: starter }),
  route(`GET ${hub}/agents/:id`, programs(200, true), { ids }),
  route(`DELETE ${hub}/agents/:id`, programs(202, false), { ids }),
  ...(['start', 'stop', 'restart', 'sync-keys'] as const).map((verb) =>
    route(`POST ${hub}/agents/:id/${verb}`, programs(202, false), { ids }),
  ),
  route(`GET ${hub}/agents/:id/logs`, programs(200, true), { ids }),
  route(`GET ${hub}/agents/:id/metrics`, programs(200, true), { ids }),
  route(`GET ${hub}/catalog`, atHome(200, true)),
  route(`GET ${hub}/catalog/:id`, atHome(200, true), { ids: { id: 'runtime' } }),
  ...invocations.map((name) => route(name, programs(200, false), { ids, harmless: true })),
]

/** A key that is used after its end is audited, once a minute. */
export const hubRows: Row[] = rows.map(({ example, ...row }) => ({
  ...row,
  example: { ...example, refusalWrites: ['audit_log', 'audit_pending'] },
}))
