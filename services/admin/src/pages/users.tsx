import { Anchor, Badge, Group, Select, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { unwrap } from '@nora/client/client'
import { DataTable } from '@nora/ui/data-table'
import { Page } from '@nora/ui/page'
import { EmptyState, QueryView } from '@nora/ui/query-view'
import { itemsOf, ShowMore } from '@nora/ui/show-more'
import { Time } from '@nora/ui/time'
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { Search, UserSearch } from 'lucide-react'
import { Link, useSearchParams } from 'react-router'
import { api } from '../api.ts'

const kinds = { all: 'Everybody', admin: 'Platform admins', disabled: 'Disabled' } as const
type Kind = keyof typeof kinds

/** Everybody who has an account on this server. */
export function UsersPage() {
  const [search, setSearch] = useSearchParams()
  const q = search.get('q') ?? ''
  const kind = (search.get('kind') ?? 'all') as Kind
  const [asked] = useDebouncedValue(q, 250)
  const set = (name: string, value: string) =>
    setSearch(
      (before) => {
        if (value === '' || value === 'all') before.delete(name)
        else before.set(name, value)
        return before
      },
      { replace: true },
    )
  const users = useInfiniteQuery({
    queryKey: ['users', { asked, kind }],
    queryFn: ({ signal, pageParam }) =>
      unwrap(
        api.call.GET('/api/admin/users', {
          signal,
          params: {
            query: {
              ...(asked.trim() && { q: asked.trim() }),
              ...(kind === 'admin' && { role: 'admin' as const }),
              ...(kind === 'disabled' && { disabled: true }),
              ...(pageParam && { cursor: pageParam }),
            },
          },
        }),
      ),
    initialPageParam: '',
    getNextPageParam: ({ nextCursor }) => nextCursor,
    placeholderData: keepPreviousData,
  })
  return (
    <Page
      title="People"
      description="Who has an account here. You see no secrets, logs or conversations of theirs."
    >
      <Group gap="sm" align="flex-end">
        <TextInput
          label="E-mail begins with"
          placeholder="ada@"
          leftSection={<Search size={16} aria-hidden />}
          value={q}
          onChange={(event) => set('q', event.currentTarget.value)}
          flex="1 1 14rem"
          maw={360}
        />
        <Select
          label="Show"
          data={Object.entries(kinds).map(([value, label]) => ({ value, label }))}
          value={kind}
          onChange={(value) => set('kind', value ?? 'all')}
          allowDeselect={false}
          w={180}
        />
      </Group>
      <QueryView
        query={users}
        isEmpty={(data) => itemsOf(data).length === 0}
        empty={
          <EmptyState title="Nobody found" icon={UserSearch}>
            No account fits. Search looks at how an address begins.
          </EmptyState>
        }
      >
        {(data) => (
          <>
            <DataTable
              label="People"
              rows={itemsOf(data)}
              rowKey={({ id }) => id}
              columns={[
                {
                  title: 'E-mail',
                  cell: ({ id, email }) => (
                    <Anchor component={Link} to={`/users/${id}`} size="sm" className="nora-wrap">
                      {email}
                    </Anchor>
                  ),
                },
                { title: 'Name', cell: ({ name }) => name || '–' },
                { title: 'Standing', cell: (user) => <Standing {...user} /> },
                {
                  title: 'Last seen',
                  cell: ({ lastSeenAt }) => <Time at={lastSeenAt} never="not signed in" />,
                },
                { title: 'Since', cell: ({ createdAt }) => <Time at={createdAt} />, wideOnly: true },
              ]}
            />
            <ShowMore query={users} />
          </>
        )}
      </QueryView>
    </Page>
  )
}

/** What somebody may do on the whole server. */
export function Standing({ platformRole, disabledAt }: { platformRole: string; disabledAt: string | null }) {
  if (disabledAt) return <Badge color="red.8">Disabled</Badge>
  return platformRole === 'admin' ? <Badge>Platform admin</Badge> : <>Person</>
}
