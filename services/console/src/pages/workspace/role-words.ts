import type { Role } from '@nora/domain/roles'

type RoleWords = {
  name: string
  /** What it may do besides what those below it may. */
  may: string
  /** The same of the whole role, in a few words. */
  brief: string
}

/** What each role is called, and what it may do, in a line each. */
export const roleWords: Record<Role, RoleWords> = {
  viewer: {
    name: 'Viewer',
    may: 'Sees agents, their logs, shared keys and the members. Changes nothing.',
    brief: 'looks and changes nothing',
  },
  editor: {
    name: 'Editor',
    may: 'Also deploys, operates and deletes agents, opens their terminals, stores keys and gives them to agents.',
    brief: 'works with agents and keys',
  },
  admin: {
    name: 'Admin',
    may: 'Also invites and removes people, makes Agent Hub keys, renames the workspace and reads its audit.',
    brief: 'also manages people and programs',
  },
  owner: {
    name: 'Owner',
    may: 'Also makes others owners, and deletes the workspace.',
    brief: 'may do everything here',
  },
}

/** "an admin". */
export const asRole = (role: Role): string => `${role === 'viewer' ? 'a' : 'an'} ${role}`

/** What happens when somebody goes, or is removed; `they` is "you" for whoever leaves. */
export const leavingWords = (they: 'they' | 'you'): string[] => {
  const their = they === 'you' ? 'your' : 'their'
  const Their = they === 'you' ? 'Your' : 'Their'
  const Come = they === 'you' ? 'you come' : 'they come'
  return [
    `${they === 'you' ? 'You are' : 'They are'} shut out within seconds: open pages, logs and terminals of this workspace end.`,
    `${Their} keys are taken out of every agent now, and erased after a week unless ${Come} back.`,
    `Agent Hub keys that ${they} made stop working, and open invitations that ${they} sent end.`,
    `Agents that ${they} deployed stay here and keep running, without ${their} keys.`,
  ]
}

/** What a removal took with it, for whoever removed: how many agents lost a key, and what that does not undo. */
export function removalWords(name: string, agents: number, notice: string): string {
  const which = agents === 1 ? 'an agent' : `${agents} agents`
  return `${name} was removed, and their keys are being taken out of ${which}. ${notice}`
}
