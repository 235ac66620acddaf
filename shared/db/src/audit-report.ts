import { type Kysely, sql } from 'kysely'
import type { DB } from './schema.ts'

/** What the api's machinery has to tell, in nobody's name. `target`: a route, a gateway's code, or whose sign-in was slowed. */
export type ApiEvent = {
  type: 'ERROR' | 'CAPABILITY_REFUSED' | 'SIGN_IN_SLOWED'
  target: string | null
  ip: string | null
  correlationId: string
  /** Facts without secrets. */
  details: Record<string, unknown>
}

export async function reportApiEvent(db: Kysely<DB>, event: ApiEvent): Promise<void> {
  const { type, target, ip, correlationId, details } = event
  await sql`select nora.report_api_event(${type}, ${target}, ${ip}::inet, ${correlationId},
    ${JSON.stringify(details)}::jsonb)`.execute(db)
}

/** Audits that somebody did not pass the CAPTCHA; `details` say why in our words. */
export async function reportCaptchaFailure(
  db: Kysely<DB>,
  from: { ip: string | null; correlationId: string },
  details: Record<string, unknown>,
): Promise<void> {
  await sql`select nora.report_captcha_failure(${from.ip}::inet, ${from.correlationId},
    ${JSON.stringify(details)}::jsonb)`.execute(db)
}

/**
 * Remembers the settings that this process (told by its role) was started with, no secret among them; what changed since
 * its last start is audited. Gives the names of what changed.
 */
export async function recordConfiguration(
  db: Kysely<DB>,
  settings: Record<string, unknown>,
): Promise<string[]> {
  const { rows } = await sql<{
    changed: string[]
  }>`select nora.record_configuration(${JSON.stringify(settings)}::jsonb) as changed`.execute(db)
  return rows[0]!.changed
}
