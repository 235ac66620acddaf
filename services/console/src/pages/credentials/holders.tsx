import { Anchor, Text } from '@mantine/core'
import { Fragment } from 'react'
import { Link } from 'react-router'
import { useAgentsById } from '../../names.ts'
import { useWorkspace } from '../../session.tsx'
import type { Credential } from './calls.ts'
import classes from './credentials.module.css'

export type Holder = {
  id: string
  name: string
  /** Runs, or is meant to: others are given the newest secret when they start. */
  running: boolean
  /** The version of the secret that it was given last; null: none yet, or not known. */
  version: number | null
}

/** The agents that a credential is attached to, in the order in which it was. */
export function useHolders({ id, usedBy }: Pick<Credential, 'id' | 'usedBy'>): Holder[] {
  const { data } = useAgentsById()
  return usedBy.map((agentId) => {
    const agent = data?.get(agentId)
    return {
      id: agentId,
      name: agent?.name ?? 'an agent',
      running: agent?.desiredState === 'running',
      version: agent?.providerKeys.find((key) => key.id === id)?.syncedSecretVersion ?? null,
    }
  })
}

/** Whether an agent runs with a secret that has been replaced since. */
export const isBehind = (
  { running, version }: Holder,
  { secretVersion }: Pick<Credential, 'secretVersion'>,
) => running && version !== null && version < secretVersion

/** The agents that hold a credential, as links; says of each that runs with a replaced secret that it does. */
export function Holders({ credential, most = 3 }: { credential: Credential; most?: number }) {
  const { to } = useWorkspace()
  const holders = useHolders(credential)
  if (holders.length === 0)
    return (
      <Text size="sm" c="dimmed" component="span">
        no agent
      </Text>
    )
  const more = holders.length - most
  return (
    <>
      <ul className={classes['agents']}>
        {holders.slice(0, most).map((holder) => (
          <li key={holder.id}>
            <Anchor component={Link} to={to(`/agents/${holder.id}`)} size="sm" className="nora-wrap">
              {holder.name}
            </Anchor>
            {isBehind(holder, credential) && (
              <Text size="xs" c="dimmed">
                still has version {holder.version}
              </Text>
            )}
          </li>
        ))}
      </ul>
      {more > 0 && (
        <Text size="xs" c="dimmed">
          and {more} more
        </Text>
      )}
    </>
  )
}

/** Names of agents in a sentence, as links. */
export function AgentLinks({ agents }: { agents: readonly { id: string; name: string }[] }) {
  const { to } = useWorkspace()
  return agents.map(({ id, name }, place) => (
    <Fragment key={id}>
      {place > 0 && (place === agents.length - 1 ? ' and ' : ', ')}
      <Anchor component={Link} to={to(`/agents/${id}`)} inherit underline="always">
        {name}
      </Anchor>
    </Fragment>
  ))
}
