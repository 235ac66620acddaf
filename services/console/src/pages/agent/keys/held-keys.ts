import { counted } from '@nora/ui/lib/words'
import type { Credential } from '../use-names.ts'

/** A key that an agent holds, with what one may know of it. */
export type HeldKey = {
  id: string
  /** null: its owner has not shared it. */
  label: string | null
  of: string | undefined
  /** The version that is stored; undefined where one may not see it. */
  stored: number | undefined
  synced: number | null
  syncedAt: string | null
  /** What is stored is newer than what the agent has. */
  isBehind: boolean
}

type Attached = {
  id: string
  label: string | null
  syncedSecretVersion: number | null
  syncedAt: string | null
}

/** The keys of an agent beside what is stored of them. */
export function heldKeys(
  { providerKeys }: { providerKeys: readonly Attached[] },
  credentials: readonly Credential[] | undefined,
): HeldKey[] {
  return providerKeys.map(({ id, label, syncedSecretVersion: synced, syncedAt }) => {
    const known = credentials?.find((one) => one.id === id)
    const stored = known?.secretVersion
    const isBehind = synced === null || (stored !== undefined && stored > synced)
    return { id, label: known?.label ?? label, of: known?.of, stored, synced, syncedAt, isBehind }
  })
}

/** What waits to be delivered, as a sentence; undefined when nothing does. */
export function waitingWords(keys: readonly HeldKey[], runs: boolean): string | undefined {
  const behind = keys.filter(({ isBehind }) => isBehind)
  const [first] = behind
  if (!first) return undefined
  const when = runs ? 'until you deliver it' : 'until the agent starts'
  if (behind.length > 1) return `${counted(behind.length, 'key')} wait ${when.replace('it', 'them')}.`
  const label = first.label ?? 'a key of somebody else'
  return first.stored === undefined
    ? `“${label}” waits ${when}.`
    : `Version ${first.stored} of “${label}” waits ${when}.`
}

/** The credentials that this agent could be given, best first: the kinds its runtime knows before the others. */
export function attachable(
  credentials: readonly Credential[],
  held: readonly string[],
  kinds: readonly ('llm' | 'integration' | 'exchange')[],
): { known: Credential[]; others: Credential[] } {
  const kindOf = {
    'provider-keys': 'llm',
    integrations: 'integration',
    'exchange-credentials': 'exchange',
  } as const
  const free = credentials.filter(({ id }) => !held.includes(id))
  return {
    known: free.filter(({ family }) => kinds.includes(kindOf[family])),
    others: free.filter(({ family }) => !kinds.includes(kindOf[family])),
  }
}

/** Why a credential cannot be given to an agent of this person, or undefined. The api decides; this says it beforehand. */
export function whyNot(
  credential: Pick<Credential, 'family' | 'ownerId' | 'shared'>,
  agent: { createdBy: string },
): string | undefined {
  if (credential.ownerId === agent.createdBy) return undefined
  if (credential.family === 'exchange-credentials')
    return 'Exchange credentials go into agents of their owner alone.'
  return credential.shared
    ? undefined
    : 'The agent is somebody else’s: share the key with the workspace first.'
}
