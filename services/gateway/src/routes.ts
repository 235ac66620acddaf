import type { AddressPolicy } from './addresses.ts'
import { createPool, type Pool } from './pool.ts'

export type Route = { agentId: string; workspaceId: string; containerId: string; ip: string; port: number }
export type RoutePush = { revision: number; routes: Route[] }
export type RoutedAgent = { route: Route; pool: Pool }

export type RouteTable = {
  /** Takes the full list. False, and nothing changed, when it is older than what is held. */
  replace(push: RoutePush): boolean
  find(agentId: string): RoutedAgent | undefined
  revision(): number
  size(): number
  close(): void
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const FIELDS = ['agentId', 'workspaceId', 'containerId', 'ip', 'port'] as const
const MAX_ROUTES = 1_000

type Errors = { path: string; message: string }[]

const isText = (value: unknown, form: RegExp): value is string =>
  typeof value === 'string' && form.test(value)

function routeErrors(entry: unknown, path: string, allow: AddressPolicy): Errors {
  if (typeof entry !== 'object' || entry === null) return [{ path, message: 'must be an object' }]
  const { agentId, workspaceId, containerId, ip, port, ...unknown } = entry as Record<string, unknown>
  const errors: Errors = []
  const bad = (field: string, message: string) => errors.push({ path: `${path}/${field}`, message })
  if (!isText(agentId, UUID)) bad('agentId', 'must be a UUID in lower case')
  if (!isText(workspaceId, UUID)) bad('workspaceId', 'must be a UUID in lower case')
  if (!isText(containerId, /^[0-9a-f]{64}$/)) bad('containerId', 'must be a full container id')
  if (!Number.isInteger(port) || (port as number) < 1 || (port as number) > 65_535)
    bad('port', 'must be 1 to 65535')
  const refused = typeof ip === 'string' ? allow(ip) : 'not an IPv4 address'
  if (refused) bad('ip', refused)
  if (Object.keys(unknown).length > 0) errors.push({ path, message: `may have ${FIELDS.join(', ')} only` })
  return errors
}

/**
 * Checks a pushed list as a whole: one wrong route refuses all, since half a list would cut agents off silently. Two
 * routes may not share an address: one of them would get the other's requests.
 */
export function parseRoutes(body: Buffer, allow: AddressPolicy): RoutePush | { errors: Errors } {
  let push: unknown
  try {
    push = JSON.parse(body.toString('utf8'))
  } catch {
    return { errors: [{ path: '', message: 'must be JSON' }] }
  }
  const { revision, routes } = (push ?? {}) as { revision?: unknown; routes?: unknown }
  const errors: Errors = []
  if (!Number.isSafeInteger(revision) || (revision as number) < 0) {
    errors.push({ path: '/revision', message: 'must be a whole number from 0' })
  }
  if (!Array.isArray(routes) || routes.length > MAX_ROUTES) {
    errors.push({ path: '/routes', message: `must be a list of at most ${MAX_ROUTES}` })
    return { errors }
  }
  routes.forEach((entry, i) => {
    errors.push(...routeErrors(entry, `/routes/${i}`, allow))
  })
  for (const field of ['agentId', 'containerId', 'ip'] as const) {
    const values = routes.map((entry) => (entry as Route | null)?.[field])
    if (new Set(values).size !== values.length)
      errors.push({ path: '/routes', message: `${field} must be unique` })
  }
  return errors.length > 0 ? { errors: errors.slice(0, 20) } : { revision: revision as number, routes }
}

/** The routes, in memory only: a gateway that starts knows none until the worker pushes them. */
export function createRouteTable(allow: AddressPolicy, connectMs: number): RouteTable {
  let revision = 0
  let agents = new Map<string, RoutedAgent>()
  const same = (a: Route, b: Route) => a.containerId === b.containerId && a.ip === b.ip && a.port === b.port
  return {
    replace(push) {
      if (push.revision < revision) return false
      const next = new Map<string, RoutedAgent>()
      for (const route of push.routes) {
        const before = agents.get(route.agentId)
        const pool =
          before && same(before.route, route)
            ? before.pool
            : createPool({ ip: route.ip, port: route.port, allow, connectMs })
        next.set(route.agentId, { route, pool })
      }
      const kept = new Set([...next.values()].map(({ pool }) => pool))
      for (const { pool } of agents.values()) if (!kept.has(pool)) pool.close()
      agents = next
      revision = push.revision
      return true
    },
    find: (agentId) => agents.get(agentId),
    revision: () => revision,
    size: () => agents.size,
    close() {
      for (const { pool } of agents.values()) pool.close()
      agents = new Map()
    },
  }
}
