import { shortId } from '@nora/ui/lib/audit/entry-words'
import { useAgentsById } from '../../names.ts'
import { type Member, nameOf, useManyMembers } from '../workspace/people.tsx'

type AuditNames = {
  people: readonly Member[]
  /** What somebody is called, or that they are no member any more. */
  person: (id: string) => string
  /** The name of an agent that is still there. */
  agent: (id: string) => string | undefined
}

/** Names for the ids that audit entries have. */
export function useAuditNames(): AuditNames {
  const members = useManyMembers()
  const agents = useAgentsById()
  const people = members.data ?? []
  return {
    people,
    person: (id) => {
      const found = people.find(({ userId }) => userId === id)
      if (found) return nameOf(found)
      return members.data && people.length < 200 ? `Former member ${shortId(id)}` : `Member ${shortId(id)}`
    },
    agent: (id) => agents.data?.get(id)?.name,
  }
}
