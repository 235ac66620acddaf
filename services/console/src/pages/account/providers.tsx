import { Button } from '@mantine/core'
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
import { identitiesQuery, providersQuery } from './queries.ts'
import { Section } from './section.tsx'

type Identity = Item<'/api/auth/identities'>
type Row = { id: string; name: string; identity: Identity | undefined }

/** Where somebody can sign in besides, and what of it is linked. Not shown on a server that has no such provider. */
export function Providers() {
  const providers = useQuery(providersQuery)
  const identities = useQuery(identitiesQuery)
  const [unlinking, setUnlinking] = useState<Row>()
  const withStepUp = useWithStepUp()
  const queries = useQueryClient()
  const link = useMutation({
    mutationFn: (provider: string) =>
      withStepUp(() =>
        unwrap(
          api.call.POST('/api/auth/oauth/{provider}/link', {
            params: { path: { provider } },
            body: { returnTo: '/account/sign-in' },
          }),
        ),
      ),
    onSuccess: ({ authorizationUrl }) => window.location.assign(authorizationUrl),
    onError: (error) => failed(error, 'Nothing was linked'),
  })
  const unlink = async ({ name, identity }: Row) => {
    const path = { id: identity?.id ?? '' }
    await withStepUp(() => unwrap(api.call.DELETE('/api/auth/identities/{id}', { params: { path } })))
    await queries.invalidateQueries({ queryKey: ['identities'] })
    said(`${name} is unlinked.`)
  }
  const rows = rowsOf(providers.data?.items ?? [], identities.data?.items ?? [])
  if (rows.length === 0) return null
  return (
    <Section
      title="Sign-in providers"
      description="Accounts elsewhere with which you can sign in here. Link only those that you alone use."
    >
      <QueryView query={identities} rows={2}>
        {() => (
          <DataTable
            label="Sign-in providers"
            rows={rows}
            rowKey={({ id, identity }) => identity?.id ?? id}
            columns={[
              { title: 'Provider', cell: ({ name }) => name },
              {
                title: 'Linked as',
                cell: ({ identity }) =>
                  identity ? (identity.email ?? 'an account without an address') : 'not linked',
              },
              {
                title: 'Last used',
                cell: ({ identity }) => (identity ? <Time at={identity.lastUsedAt} /> : ''),
              },
              {
                title: '',
                align: 'right',
                cell: (row) =>
                  row.identity ? (
                    <Button size="compact-sm" variant="default" onClick={() => setUnlinking(row)}>
                      Unlink
                    </Button>
                  ) : (
                    <Button
                      size="compact-sm"
                      variant="default"
                      onClick={() => link.mutate(row.id)}
                      loading={link.isPending && link.variables === row.id}
                    >
                      Link
                    </Button>
                  ),
              },
            ]}
          />
        )}
      </QueryView>
      <Confirm
        opened={unlinking !== undefined}
        onClose={() => setUnlinking(undefined)}
        title={`Unlink ${unlinking?.name}?`}
        action="Unlink"
        onConfirm={() => unlink(unlinking!)}
      >
        You can then no longer sign in here with {unlinking?.identity?.email ?? 'that account'}. You can link
        it again as long as you can sign in another way.
      </Confirm>
    </Section>
  )
}

/** What is set up here and what is linked; what is linked stays to be seen after its provider is gone. */
function rowsOf(providers: { id: string; name: string }[], identities: Identity[]): Row[] {
  const linked = identities.map((identity) => ({
    id: identity.provider,
    name: providers.find(({ id }) => id === identity.provider)?.name ?? identity.provider,
    identity,
  }))
  const others = providers.filter(({ id }) => !identities.some(({ provider }) => provider === id))
  return [...linked, ...others.map((provider) => ({ ...provider, identity: undefined }))]
}
