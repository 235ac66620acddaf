import { bare } from '../foreign.ts'
import { label, type Ours, roleIn } from '../policy/ours.ts'
import { isObject } from '../policy/rules.ts'
import { Refusal } from '../refusal.ts'
import type { Route, RouteDeps, Verdict } from '../routes.ts'

const pullMs = 15 * 60_000
const image = '[A-Za-z0-9][A-Za-z0-9._/:@+-]{0,499}'
// As the worker has it (services/worker/src/backends/docker/images.ts): a registry's must not come to stand under a name of ours.
const madeHere = /^((index\.)?docker\.io\/)?(nora\/|(library\/)?nora-[a-z]+(:|@|$))/
const yes = /^(1|true)$/
const json = /^\{.{0,20000}\}$/s

/** Lists, events and images. Lists show what is this installation's: the engine is asked for its label in any case. */
export function lookRoutes({ ours, engine }: RouteDeps): Route[] {
  const labelled = (query: URLSearchParams, known: readonly string[]) => {
    const filters = readFilters(query.get('filters'), known)
    const sent = new URLSearchParams(query)
    const own = `${label.installation}=${ours.installation}`
    sent.set(
      'filters',
      JSON.stringify({ ...filters, label: [...new Set([...(filters['label'] ?? []), own])] }),
    )
    return sent
  }
  return [
    {
      method: 'GET',
      path: /^\/_ping$/,
      judge: () => ({ method: 'GET', path: '/_ping', deadlineMs: 10_000 }),
    },
    {
      method: 'HEAD',
      path: /^\/_ping$/,
      judge: () => ({ method: 'HEAD', path: '/_ping', deadlineMs: 10_000 }),
    },
    {
      method: 'GET',
      path: /^\/containers\/json$/,
      parameters: { all: yes, filters: json },
      judge: ({ query }) => ({
        ...{ method: 'GET', path: '/containers/json' },
        query: labelled(query, ['label', 'network']),
      }),
    },
    {
      method: 'GET',
      path: /^\/volumes$/,
      parameters: { filters: json },
      judge: ({ query }) => ({ method: 'GET', path: '/volumes', query: labelled(query, ['label']) }),
    },
    {
      method: 'GET',
      path: /^\/networks$/,
      parameters: { filters: json },
      judge: ({ query, signal }): Verdict | Promise<Verdict> => {
        const names = readFilters(query.get('filters'), ['label', 'name'])['name']
        if (!names) return { method: 'GET', path: '/networks', query: labelled(query, ['label']) }
        if (!names.every((name) => name.startsWith(`${ours.prefix}-`)))
          throw new Refusal('the names of the filter must be this installation’s')
        return engine
          .look(`/networks?${query}`, signal)
          .then(({ found }) => ({ answer: ownOrNamed(ours, found) }))
      },
    },
    {
      method: 'GET',
      path: /^\/events$/,
      parameters: { filters: json },
      judge: ({ query }) => {
        const { type } = readFilters(query.get('filters'), ['type', 'label', 'event'])
        if (type?.length !== 1 || type[0] !== 'container')
          throw new Refusal('the filter of events must have the type container')
        return { method: 'GET', path: '/events', query: labelled(query, ['type', 'label', 'event']) }
      },
    },
    {
      method: 'GET',
      path: new RegExp(`^/images/(${image})/json$`),
      judge: ({ parts: [reference] }) => ({ method: 'GET', path: `/images/${reference}/json` }),
    },
    {
      method: 'POST',
      path: /^\/images\/create$/,
      parameters: { fromImage: new RegExp(`^${image}$`) },
      judge: ({ query }) => {
        const asked = query.get('fromImage')
        if (!asked) throw new Refusal('the parameter fromImage is missing')
        if (madeHere.test(asked)) throw new Refusal('images of that name are made on this machine')
        return { method: 'POST', path: '/images/create', query, deadlineMs: pullMs }
      },
    },
  ]
}

/** Lists of texts under known names, as the worker writes them. */
function readFilters(text: string | null, known: readonly string[]): Record<string, string[]> {
  let filters: unknown = {}
  try {
    filters = JSON.parse(text ?? '{}')
  } catch {
    throw new Refusal('the filters are no JSON', 400)
  }
  if (!isObject(filters)) throw new Refusal('the filters must be an object')
  for (const [name, values] of Object.entries(filters)) {
    if (!known.includes(name)) throw new Refusal(`the filters may have ${known.join(', ')} alone`)
    if (!Array.isArray(values) || values.some((value) => typeof value !== 'string'))
      throw new Refusal(`the filter ${name} must be a list of texts`)
  }
  return filters as Record<string, string[]>
}

/** Ours as they are, and of others that have one of our names nothing but that. */
function ownOrNamed(ours: Ours, found: unknown): Buffer {
  const all = (Array.isArray(found) ? found : []).filter(isObject)
  const seen = all.flatMap((one) => {
    if (roleIn(ours, one['Labels'])) return [one]
    return String(one['Name']).startsWith(`${ours.prefix}-`) ? [bare(one)] : []
  })
  return Buffer.from(JSON.stringify(seen))
}
