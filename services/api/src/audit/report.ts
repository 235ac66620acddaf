import { loginLookup } from '@nora/db/accounts'
import { type ApiEvent, recordConfiguration, reportApiEvent } from '@nora/db/audit-report'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'
import { clientIp } from '../http/client-ip.ts'

const errorsEveryMs = 10_000
const mostRoutes = 1_000
const retryMs = 5_000

type Caller = { ip: string | null; correlationId: string }

/** Writes it beside the answer, which does not wait for it and does not fail with it. */
function report(deps: Deps, event: ApiEvent): void {
  reportApiEvent(deps.db, event).catch((error) =>
    deps.log.error({ err: error }, `${event.type} was not audited`),
  )
}

/** Audits that sign-ins to an account are slowed down; an address without an account is named nowhere. */
export async function reportSlowed(deps: Deps, email: string, caller: Caller): Promise<void> {
  try {
    const found = await loginLookup(deps.db, email)
    report(deps, { type: 'SIGN_IN_SLOWED', target: found?.userId ?? null, ...caller, details: {} })
  } catch (error) {
    deps.log.error({ err: error }, 'SIGN_IN_SLOWED was not audited')
  }
}

/** Audits that the gateway did not take our capability: a fault between the two of us, or an attack. At most each 10 s. */
export function refusedCapabilities(deps: Deps): (caller: Caller) => void {
  let at = Number.NEGATIVE_INFINITY
  return ({ ip, correlationId }) => {
    if (performance.now() - at < errorsEveryMs) return
    at = performance.now()
    const details = { audience: 'gateway' }
    report(deps, { type: 'CAPABILITY_REFUSED', target: 'invoke', ip, correlationId, details })
  }
}

/** Audits answers with status 500, which are faults of ours: one row a route in ten seconds, with how many there were. */
export function installErrorEvents(app: FastifyInstance, deps: Deps): void {
  const told = new Map<string, { at: number; left: number }>()
  app.addHook('onResponse', (request, reply, done) => {
    if (reply.statusCode === 500) tell(request)
    done()
  })

  function tell(request: FastifyRequest): void {
    const route = `${request.method} ${request.routeOptions.url ?? '(no route)'}`
    const now = performance.now()
    const before = told.get(route)
    if (before && now - before.at < errorsEveryMs) {
      before.left++
      return
    }
    if (told.size > mostRoutes) told.clear()
    told.set(route, { at: now, left: 0 })
    const details = { code: 'internal', status: 500, unreported: before?.left ?? 0 }
    report(deps, { type: 'ERROR', target: route, ip: clientIp(request), correlationId: request.id, details })
  }
}

/** The settings of a start, none of them a secret: of those only whether, or how many. */
export function settingsOf({ config }: Pick<Deps, 'config'>): Record<string, unknown> {
  const { jwtSecrets, setupToken, signInProviders, botProtection, ...open } = config
  const { production, publicUrl, corsOrigins, signupEnabled, enabledBackends, limits, rateLimits } = open
  const { adminUrl = null, maxAgentsTotal } = open
  const { invokeMaxBodyMb, trustProxy, providerAllowHosts, allowPlaintextSecrets } = open
  return {
    ...{ production, publicUrl, corsOrigins, signupEnabled, enabledBackends, limits, rateLimits },
    ...{ adminUrl, maxAgentsTotal },
    ...{ invokeMaxBodyMb, trustProxy, providerAllowHosts, allowPlaintextSecrets },
    // Who may say who somebody is.
    signInProviders: signInProviders.map(({ clientSecret: _, ...provider }) => provider),
    signInAllowHosts: open.signInAllowHosts,
    errorReports: config.errorReports?.url.host ?? null,
    ...{ jwtSecrets: jwtSecrets.length, setupTokenSet: setupToken !== undefined },
    botProtection: botProtection ? { ...botProtection, secret: undefined } : null,
  }
}

/** Audits what changed since this service was last started; tries until the database takes it, or `signal` aborts. */
export async function recordSettings(deps: Deps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const changed = await recordConfiguration(deps.db, settingsOf(deps))
      if (changed.length > 0) deps.log.info({ changed }, 'settings changed since the last start')
      return
    } catch (error) {
      deps.log.warn({ err: error }, 'the settings were not recorded yet')
    }
    await new Promise((resolve) => setTimeout(resolve, retryMs).unref())
  }
}
