import { Button, Code, Group, Stack, TextInput } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { ExportMenu } from '@nora/ui/export-menu'
import { type AuditFilter, exportPath, filterOf, queryOf, withFilter } from '@nora/ui/lib/audit/audit-filter'
import { Page } from '@nora/ui/page'
import { EmptyState, QueryView } from '@nora/ui/query-view'
import { itemsOf, ShowMore } from '@nora/ui/show-more'
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { FileClock } from 'lucide-react'
import { useSearchParams } from 'react-router'
import { api } from '../api.ts'
import { ChainStatus } from './chain-status.tsx'
import { EntryTable } from './entry-table.tsx'

const fields = [
  { name: 'type', label: 'Kind of event', placeholder: 'SIGN_IN_FAILED', type: 'text' },
  { name: 'actor', label: 'Who', placeholder: 'Id, system, anonymous', type: 'text' },
  { name: 'from', label: 'From day', placeholder: '', type: 'date' },
  { name: 'to', label: 'To day', placeholder: '', type: 'date' },
] as const
const nothing: AuditFilter = { type: '', actor: '', from: '', to: '' }

/** Everything that was ever written down on this server. */
export function AuditPage() {
  const [search, setSearch] = useSearchParams()
  const filter = filterOf(search)
  const narrow = (change: AuditFilter) => setSearch(withFilter(search, change), { replace: true })
  const entries = useInfiniteQuery({
    queryKey: ['audit', filter],
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) => {
      const query = { ...queryOf(filter), ...(pageParam && { cursor: pageParam }) }
      return unwrap(api.call.GET('/api/admin/audit', { params: { query }, signal }))
    },
    getNextPageParam: ({ nextCursor }) => nextCursor,
    placeholderData: keepPreviousData,
  })
  const narrowed = Object.keys(filter).length > 0
  return (
    <Page
      title="Audit"
      description={
        <>
          What anybody did, on the whole server. Entries are chained by hashes and signed every minute;{' '}
          <Code className="nora-whole">npm run audit:verify</Code> finds what was changed. What you read here
          is written down, too.
        </>
      }
      actions={
        <ExportMenu
          pathOf={(format) => exportPath({ path: '/api/admin/audit/export' }, filter, format)}
          renew={() => unwrap(api.call.GET('/api/admin/auth/me'))}
        />
      }
    >
      <ChainStatus />
      <Group align="flex-end" gap="sm" role="search" aria-label="Narrow down the audit">
        {fields.map(({ name, ...field }) => (
          <TextInput
            key={name}
            {...field}
            value={search.get(name) ?? ''}
            onChange={(event) => narrow({ [name]: event.currentTarget.value.trim() })}
            flex="1 1 11rem"
          />
        ))}
        {narrowed && (
          <Button variant="subtle" onClick={() => narrow(nothing)}>
            Show all
          </Button>
        )}
      </Group>
      <QueryView
        query={entries}
        rows={8}
        isEmpty={(data) => itemsOf(data).length === 0}
        empty={
          <EmptyState title={narrowed ? 'No entry fits' : 'No entries yet'} icon={FileClock}>
            {narrowed ? 'Nothing fits what you chose above.' : 'What happens on this server is written here.'}
          </EmptyState>
        }
      >
        {(data) => (
          <Stack>
            <EntryTable label="Entries of the audit" entries={itemsOf(data)} />
            <ShowMore query={entries} />
          </Stack>
        )}
      </QueryView>
    </Page>
  )
}
