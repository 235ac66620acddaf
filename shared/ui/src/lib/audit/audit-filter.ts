/** What narrows down the audit, as it stands in the address. Days are the reader's own, `YYYY-MM-DD`, both included. */
export type AuditFilter = { type?: string; actor?: string; from?: string; to?: string }

const names = ['type', 'actor', 'from', 'to'] as const
const forms: Record<(typeof names)[number], RegExp> = {
  type: /^[A-Z][A-Z0-9_]{2,63}$/,
  actor: /^[0-9a-z-]{1,64}$/,
  from: /^\d{4}-\d{2}-\d{2}$/,
  to: /^\d{4}-\d{2}-\d{2}$/,
}

/** The filter in an address; what the api would not understand is left out. */
export function filterOf(search: URLSearchParams): AuditFilter {
  const filter: AuditFilter = {}
  for (const name of names) {
    const text = search.get(name)
    if (text === null || !forms[name].test(text)) continue
    if ((name === 'from' || name === 'to') && dayOf(text) === undefined) continue
    filter[name] = text
  }
  return filter
}

/** The address with `change` made to its filter; what is empty goes. */
export function withFilter(search: URLSearchParams, change: AuditFilter): URLSearchParams {
  const next = new URLSearchParams(search)
  for (const [name, text] of Object.entries(change)) {
    if (text) next.set(name, text)
    else next.delete(name)
  }
  return next
}

/** The filter in the api's words: from the beginning of the first day, before the end of the last. */
export function queryOf({ type, actor, from, to }: AuditFilter): AuditFilter {
  const begin = from === undefined ? undefined : dayOf(from)
  const last = to === undefined ? undefined : dayOf(to)
  // By the calendar: a day may have 23 or 25 hours.
  const end = last && new Date(last.getFullYear(), last.getMonth(), last.getDate() + 1)
  return {
    ...(type !== undefined && { type }),
    ...(actor !== undefined && { actor }),
    ...(begin && { from: begin.toISOString() }),
    ...(end && { to: end.toISOString() }),
  }
}

/** The beginning of a day in the reader's time zone, or undefined for a day that no calendar has. */
function dayOf(text: string): Date | undefined {
  const [year = 0, month = 0, day = 0] = text.split('-').map(Number)
  const date = new Date(year, month - 1, day)
  // Years below 100 would be taken for those of the last century.
  return year >= 1000 && date.getMonth() === month - 1 && date.getDate() === day ? date : undefined
}

/**
 * Where a file of what the filter lets through comes from.
 * @param path the route, and the workspace where it is one's alone.
 */
export function exportPath(
  { path, workspace }: { path: string; workspace?: string },
  filter: AuditFilter,
  format: 'jsonl' | 'csv',
): string {
  const query = new URLSearchParams({
    ...(workspace && { workspace }),
    ...queryOf(filter),
    format,
    shape: 'full',
  })
  return `${path}?${query}`
}
