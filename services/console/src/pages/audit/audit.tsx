import { Button, Stack } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { ExportMenu } from '@nora/ui/export-menu'
import { type AuditFilter, exportPath, filterOf, queryOf, withFilter } from '@nora/ui/lib/audit/audit-filter'
import { Page } from '@nora/ui/page'
import { EmptyState, QueryView } from '@nora/ui/query-view'
import { itemsOf, ShowMore } from '@nora/ui/show-more'
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { FileClock, Lock } from 'lucide-react'
import { useSearchParams } from 'react-router'
import { api } from '../../api.ts'
import { useWorkspace } from '../../session.tsx'
import { AuditFilters } from './audit-filters.tsx'
import { AuditTable } from './audit-table.tsx'

const description =
  'Who did what in this workspace. Each entry is chained to the one before it by a hash, so that whoever runs the server can find out whether one was changed or taken away.'

/** The workspace's audit, for its admins and owners. */
export function AuditPage() {
  const { can, workspace } = useWorkspace()
  const [search, setSearch] = useSearchParams()
  const filter = filterOf(search)
  if (!can('audit:read'))
    return (
      <Page title="Audit">
        <EmptyState title="Not allowed" icon={Lock}>
          Admins and owners of the workspace read its audit. Ask one of them for that role, or for what you
          want to know.
        </EmptyState>
      </Page>
    )
  const menu = (
    <ExportMenu
      pathOf={(format) => exportPath({ path: '/api/audit/export', workspace: workspace.id }, filter, format)}
      renew={() => unwrap(api.call.GET('/api/auth/me'))}
    />
  )
  const narrow = (change: AuditFilter) => setSearch(withFilter(search, change), { replace: true })
  return (
    <Page title="Audit" description={description} actions={menu}>
      <AuditFilters filter={filter} onChange={narrow} />
      <Entries filter={filter} onChange={narrow} />
    </Page>
  )
}

type EntriesProps = { filter: AuditFilter; onChange: (change: AuditFilter) => void }

function Entries({ filter, onChange }: EntriesProps) {
  const { api, key } = useWorkspace()
  const entries = useInfiniteQuery({
    queryKey: key('audit', filter),
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam: cursor, signal }) => {
      const query = { ...queryOf(filter), ...(cursor && { cursor }) }
      return unwrap(api.GET('/api/audit', { params: { query }, signal }))
    },
    getNextPageParam: ({ nextCursor }) => nextCursor ?? undefined,
    placeholderData: keepPreviousData,
  })
  const narrowed = Object.keys(filter).length > 0
  const all = { type: '', actor: '', from: '', to: '' }
  const narrowFromBelow = (change: AuditFilter) => {
    onChange(change)
    window.scrollTo({ top: 0 })
  }
  return (
    <QueryView
      query={entries}
      rows={8}
      isEmpty={(data) => itemsOf(data).length === 0}
      empty={
        <EmptyState
          title={narrowed ? 'No entry fits' : 'No entries yet'}
          icon={FileClock}
          action={
            narrowed && (
              <Button variant="default" onClick={() => onChange(all)}>
                Show all entries
              </Button>
            )
          }
        >
          {narrowed
            ? 'Nothing that happened here fits what you chose above.'
            : 'What people, programs and Nora itself do in this workspace is written here.'}
        </EmptyState>
      }
    >
      {(data) => (
        <Stack gap="md">
          <AuditTable entries={itemsOf(data)} onNarrow={narrowFromBelow} />
          <ShowMore query={entries} />
        </Stack>
      )}
    </QueryView>
  )
}
