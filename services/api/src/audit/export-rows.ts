import type { AuditRow } from '@nora/db/audit-read'

export type ExportShape = 'brief' | 'full'

/**
 * What stands for the actor in lists and exports: a person's id (of a program: who made its key, which `actor` names), `system`,
 * or `anonymous`.
 */
export function userIdOf({ actor_kind, actor_id, details }: AuditRow): string {
  if (actor_kind === 'user') return actor_id ?? 'anonymous'
  if (actor_kind === 'api_key') return String((JSON.parse(details) as { createdBy?: string }).createdBy)
  return actor_kind === 'anonymous' ? 'anonymous' : 'system'
}

type Members = [name: string, json: string][]

/** A row's members in order, each as JSON text: `details` is passed on as Postgres has it. */
function membersOf(row: AuditRow, shape: ExportShape): Members {
  const text = (value: string | null) => JSON.stringify(value)
  const brief: Members = [
    ['timestamp', text(row.timestamp)],
    ['event_type', text(row.event_type)],
    ['user_id', text(userIdOf(row))],
    ['details', row.details],
  ]
  if (shape === 'brief') return brief
  return [
    ...brief,
    ['id', text(row.id)],
    ['actor_kind', text(row.actor_kind)],
    ['actor_id', text(row.actor_id)],
    ['workspace_id', text(row.workspace_id)],
    ['target_kind', text(row.target_kind)],
    ['target_id', text(row.target_id)],
    ['ip', text(row.ip)],
    ['correlation_id', text(row.correlation_id)],
  ]
}

/** One line of JSON Lines. */
export function jsonLine(row: AuditRow, shape: ExportShape): string {
  const members = membersOf(row, shape).map(([name, json]) => `${JSON.stringify(name)}:${json}`)
  return `{${members.join(',')}}\n`
}

/** The first line of a CSV file. */
export function csvHead(shape: ExportShape): string {
  const names = ['timestamp', 'event_type', 'user_id', 'details']
  const more = [
    'id',
    'actor_kind',
    'actor_id',
    'workspace_id',
    'target_kind',
    'target_id',
    'ip',
    'correlation_id',
  ]
  return csvRecord(shape === 'brief' ? names : [...names, ...more])
}

/** One record of CSV (RFC 4180). Null is an empty field. */
export function csvLine(row: AuditRow, shape: ExportShape): string {
  return csvRecord(
    membersOf(row, shape).map(([name, json]) => (name === 'details' ? json : (JSON.parse(json) ?? ''))),
  )
}

const csvRecord = (fields: readonly string[]) => `${fields.map(csvField).join(',')}\r\n`

// A spreadsheet takes a field that begins so for a formula, quoted or not (OWASP, "CSV injection"): the apostrophe makes
// it text. A leading space or control character would only hide the sign from this line, not from every spreadsheet.
const formula = /^[\s\p{Cc}]*[=+\-@|%\uFF1D\uFF0B\uFF0D\uFF20]|^[\t\r\n]/u

function csvField(value: string): string {
  const safe = formula.test(value) ? `'${value}` : value
  return `"${safe.replaceAll('"', '""')}"`
}
