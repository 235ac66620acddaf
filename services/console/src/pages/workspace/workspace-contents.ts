import { counted } from '@nora/ui/lib/words'

/** What the api says is in a workspace that somebody wants to delete. */
export type Contents = { agents: string[]; keys: string[]; keyCount: number }

/** Of the refusal `workspace-not-empty`. */
export function contentsOf(problem: Record<string, unknown>): Contents {
  const { agents, keys, keyCount } = problem
  return {
    agents: textsOf(agents, 'name'),
    keys: textsOf(keys, 'label'),
    keyCount: typeof keyCount === 'number' ? keyCount : textsOf(keys, 'label').length,
  }
}

const textsOf = (list: unknown, name: string): string[] =>
  Array.isArray(list) ? list.map((one) => String((one as Record<string, unknown>)[name])) : []

/** "3 agents with their data: one, two and three". */
export function contentsWords({ agents, keys, keyCount }: Contents): string[] {
  const unseen = keyCount - keys.length
  const others = unseen > 0 ? [`${counted(unseen, 'key')} of other members`] : []
  const ofKeys = keys.length > 0 ? [`${counted(keyCount, 'key')}: ${named(keys, others)}`] : others
  return [
    ...(agents.length > 0 ? [`${counted(agents.length, 'agent')} with their data: ${named(agents)}`] : []),
    ...ofKeys,
  ]
}

const mostNamed = 8

function named(names: readonly string[], besides: readonly string[] = []): string {
  const more = names.length - mostNamed
  const shown = more > 0 ? [...names.slice(0, mostNamed), `${more.toLocaleString('en')} more`] : names
  return new Intl.ListFormat('en').format([...shown, ...besides])
}

type Page = { items: readonly unknown[]; nextCursor: string | null }

/** "3 agents", or "more than 200 agents" where the page is not all there is. */
export function atLeast({ items, nextCursor }: Page, one: string, many?: string): string {
  const count = counted(items.length, one, many)
  return nextCursor === null ? count : `more than ${count}`
}
