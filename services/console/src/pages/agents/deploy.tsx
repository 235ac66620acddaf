import { Alert, Anchor, Text } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { Page } from '@nora/ui/page'
import { EmptyState, QueryView } from '@nora/ui/query-view'
import { useQuery } from '@tanstack/react-query'
import { Lock } from 'lucide-react'
import { Link } from 'react-router'
import { useWorkspace } from '../../session.tsx'
import { DeployAgent } from './deploy-agent.tsx'
import type { DeployOptions } from './deploy-values.ts'

/** Where an agent is deployed. */
export function DeployPage() {
  const { api, key, to, can, workspace } = useWorkspace()
  const options = useQuery({
    queryKey: key('deploy-options'),
    queryFn: ({ signal }) => unwrap(api.GET('/api/deploy-options', { signal })),
    enabled: can('agent:create'),
  })
  return (
    <Page
      title="Deploy an agent"
      description="An agent is a program in a container of its own, with only the keys you give it."
      above={[{ title: 'Agents', to: to('/agents') }]}
    >
      {can('agent:create') ? (
        <QueryView query={options} rows={6}>
          {(known) => (
            <>
              <Room quota={known.quotas.agents} />
              <DeployAgent key={workspace.id} options={known} />
            </>
          )}
        </QueryView>
      ) : (
        <EmptyState title="Not allowed" icon={Lock}>
          Editors of this workspace deploy agents. An owner or admin can give you another role.
        </EmptyState>
      )}
    </Page>
  )
}

/** How many more there may be, or why there may be none. */
function Room({ quota }: { quota: DeployOptions['quotas']['agents'] }) {
  const { to } = useWorkspace()
  if (quota.left > 0)
    return (
      <Text size="sm" c="dimmed">
        This workspace has {quota.used} of the {quota.limit} agents that it may have
        {quota.left < quota.limit - quota.used && `; the server has room for ${quota.left} more`}.
      </Text>
    )
  return (
    <Alert variant="default" title="There is no room for another agent">
      <Text size="sm">
        {quota.limitedBy === 'server'
          ? 'This server has as many agents as its operator allows (MAX_AGENTS_TOTAL).'
          : `This workspace has the ${quota.limit} agents that it may have (MAX_AGENTS).`}{' '}
        <Anchor component={Link} to={to('/agents')} size="sm">
          Delete one
        </Anchor>{' '}
        or ask whoever runs this server.
      </Text>
    </Alert>
  )
}
