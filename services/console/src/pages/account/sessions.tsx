import { Badge, Button, Group, Text } from '@mantine/core'
import type { Item } from '@nora/client/api-types'
import { unwrap } from '@nora/client/client'
import { Confirm } from '@nora/ui/confirm'
import { DataTable } from '@nora/ui/data-table'
import { QueryView } from '@nora/ui/query-view'
import { Time } from '@nora/ui/time'
import { failed, said } from '@nora/ui/toasts'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../../api.ts'
import { useWithStepUp } from '../../step-up.tsx'
import { deviceName } from './device-name.ts'
import { Section } from './section.tsx'

type Session = Item<'/api/auth/sessions'>

/** Where somebody is signed in, and the end of it. */
export function Sessions() {
  const queries = useQueryClient()
  const withStepUp = useWithStepUp()
  const [asking, setAsking] = useState(false)
  const sessions = useQuery({
    queryKey: ['sessions'],
    queryFn: ({ signal }) => unwrap(api.call.GET('/api/auth/sessions', { signal })),
  })
  const renew = () => queries.invalidateQueries({ queryKey: ['sessions'] })
  const end = useMutation({
    mutationFn: (id: string) =>
      withStepUp(() => unwrap(api.call.DELETE('/api/auth/sessions/{id}', { params: { path: { id } } }))),
    onSuccess: () => said('That session has ended.'),
    onError: (error) => failed(error, 'The session has not ended'),
    onSettled: renew,
  })
  const endOthers = async () => {
    const query = { keepCurrent: true }
    await withStepUp(() => unwrap(api.call.DELETE('/api/auth/sessions', { params: { query } })))
    await renew()
    said('You are signed in here alone.')
  }
  const others = sessions.data?.items.some(({ current }) => !current)
  return (
    <Section
      title="Sessions"
      description="Where you are signed in. End what you do not know, and change your password then."
      actions={
        others && (
          <Button variant="default" onClick={() => setAsking(true)}>
            Sign out everywhere else
          </Button>
        )
      }
    >
      <QueryView query={sessions} rows={2}>
        {({ items }) => (
          <DataTable
            label="Sessions"
            rows={items.toSorted((a, b) => Number(b.current) - Number(a.current))}
            rowKey={({ id }) => id}
            columns={[
              { title: 'Device', cell: (session) => <Device session={session} /> },
              { title: 'Address', cell: ({ ip }) => ip ?? 'not known' },
              { title: 'Last seen', cell: ({ lastSeenAt }) => <Time at={lastSeenAt} /> },
              { title: 'Signed in', cell: ({ createdAt }) => <Time at={createdAt} /> },
              {
                title: '',
                align: 'right',
                cell: ({ id, current, userAgent }) =>
                  !current && (
                    <Button
                      size="compact-sm"
                      variant="default"
                      aria-label={`End the session of ${deviceName(userAgent)}`}
                      onClick={() => end.mutate(id)}
                      loading={end.isPending && end.variables === id}
                    >
                      End
                    </Button>
                  ),
              },
            ]}
          />
        )}
      </QueryView>
      <Confirm
        opened={asking}
        onClose={() => setAsking(false)}
        title="Sign out everywhere else?"
        action="Sign out everywhere else"
        onConfirm={endOthers}
      >
        All your sessions but this one end at once, those of programs that signed in with your password too.
        Agent Hub keys go on working.
      </Confirm>
    </Section>
  )
}

function Device({ session: { userAgent, transport, current } }: { session: Session }) {
  return (
    <Group gap="xs" wrap="nowrap">
      <Text size="sm" title={userAgent ?? undefined}>
        {deviceName(userAgent)}
        {transport === 'bearer' && ', as a program'}
      </Text>
      {current && (
        <Badge variant="filled" color="teal.9" tt="none">
          This one
        </Badge>
      )}
    </Group>
  )
}
