import { Anchor, Button, Code, Stack, Text } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { useDialogAbout } from '@nora/ui/lib/use-dialog-about'
import { Page } from '@nora/ui/page'
import { EmptyState, QueryView } from '@nora/ui/query-view'
import { itemsOf, ShowMore } from '@nora/ui/show-more'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Lock, Plug, Plus } from 'lucide-react'
import { useSearchParams } from 'react-router'
import { useWorkspace } from '../../session.tsx'
import { CreateKey } from './create-key.tsx'
import { KeyList } from './key-list.tsx'
import { type HubKey, RevokeKey, RotateKey } from './rotate-key.tsx'

const title = 'Agent Hub keys'

/** The keys with which programs work with the workspace's agents. */
export function ApiKeysPage() {
  const { can } = useWorkspace()
  if (can('api-key:manage')) return <Keys />
  return (
    <Page title={title}>
      <EmptyState title="Not allowed" icon={Lock}>
        Keys for programs are made and seen by the admins and owners of a workspace. One of them can make a
        key for your program, or give you another role.
      </EmptyState>
    </Page>
  )
}

function Keys() {
  const { api, key, workspace } = useWorkspace()
  const keys = useInfiniteQuery({
    queryKey: key('api-keys'),
    queryFn: ({ pageParam, signal }) => {
      const query = pageParam === undefined ? {} : { cursor: pageParam }
      const params = { path: { id: workspace.id }, query }
      return unwrap(api.GET('/api/workspaces/{id}/api-keys', { params, signal }))
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ nextCursor }) => nextCursor ?? undefined,
  })
  // In the address, so that other pages can lead here.
  const [search, setSearch] = useSearchParams()
  const { what, opened, open, close } = useDialogAbout<{ action: 'rotate' | 'revoke'; hubKey: HubKey }>()
  const create = (
    <Button leftSection={<Plus size={16} aria-hidden />} onClick={() => setSearch({ create: '' })}>
      Create a key
    </Button>
  )
  const about = what && { hubKey: what.hubKey, opened, onClose: close }
  return (
    <Page
      title={title}
      description="Keys with which programs work with this workspace’s agents over the Agent Hub API. Each may do only what you choose, and ends by itself."
      actions={create}
    >
      <QueryView
        query={keys}
        isEmpty={(data) => itemsOf(data).length === 0}
        empty={
          <EmptyState title="No keys yet" icon={Plug} action={create}>
            A script, a bot or another server can start agents and talk to them with a key of its own, without
            anybody’s password.
          </EmptyState>
        }
      >
        {(data) => (
          <Stack>
            <KeyList
              rows={itemsOf(data)}
              onRotate={(hubKey) => open({ action: 'rotate', hubKey })}
              onRevoke={(hubKey) => open({ action: 'revoke', hubKey })}
            />
            <ShowMore query={keys} />
          </Stack>
        )}
      </QueryView>
      <Text size="sm" c="dimmed" maw="46rem">
        Programs send a key as <Code>Authorization: Bearer</Code> to{' '}
        <Code>{window.location.origin}/api/agent-hub</Code>. A key may be used 120 times a minute unless
        whoever runs this server has set another limit; RateLimit headers of each answer say what is left.
        “Last used” is to the minute. All calls are in{' '}
        <Anchor
          href="/api/openapi.json"
          target="_blank"
          rel="noopener noreferrer"
          size="sm"
          underline="always"
        >
          the description of the API
        </Anchor>{' '}
        under “Agent Hub”. Whoever made a key rotates it; every admin can revoke it.
      </Text>
      <CreateKey opened={search.has('create')} onClose={() => setSearch({}, { replace: true })} />
      {what?.action === 'rotate' && about && <RotateKey key={what.hubKey.id} {...about} />}
      {what?.action === 'revoke' && about && <RevokeKey key={what.hubKey.id} {...about} />}
    </Page>
  )
}
