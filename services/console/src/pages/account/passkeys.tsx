import { Alert, Button, Group, Text } from '@mantine/core'
import type { Item } from '@nora/client/api-types'
import { unwrap } from '@nora/client/client'
import { Confirm } from '@nora/ui/confirm'
import { DataTable } from '@nora/ui/data-table'
import { passkeysWork } from '@nora/ui/lib/passkey'
import { printable } from '@nora/ui/lib/printable'
import { EmptyState, QueryView } from '@nora/ui/query-view'
import { Time } from '@nora/ui/time'
import { said } from '@nora/ui/toasts'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Fingerprint } from 'lucide-react'
import { useState } from 'react'
import { api } from '../../api.ts'
import { useWithStepUp } from '../../step-up.tsx'
import { AddPasskey, RenamePasskey } from './passkey-forms.tsx'
import { passkeysQuery } from './queries.ts'
import { RecoveryCodes } from './recovery-codes.tsx'
import { Section } from './section.tsx'

type Passkey = Item<'/api/auth/passkeys'>
type Doing = { what: 'add' } | { what: 'rename' | 'delete'; passkey: Passkey }

/** Somebody's passkeys, and the codes for when they are lost. */
export function Passkeys() {
  const passkeys = useQuery(passkeysQuery)
  const queries = useQueryClient()
  const withStepUp = useWithStepUp()
  const [doing, setDoing] = useState<Doing>()
  const works = passkeysWork()
  const done = () => setDoing(undefined)
  const renew = () => queries.invalidateQueries({ queryKey: ['passkeys'] })
  const remove = async ({ id, label }: Passkey) => {
    await withStepUp(() => unwrap(api.call.DELETE('/api/auth/passkeys/{id}', { params: { path: { id } } })))
    await renew()
    said(`“${printable(label)}” is deleted.`)
  }
  const add = works && (
    <Button leftSection={<Fingerprint size={18} aria-hidden />} onClick={() => setDoing({ what: 'add' })}>
      Add a passkey
    </Button>
  )
  const chosen = doing && doing.what !== 'add' ? doing.passkey : undefined
  const last = passkeys.data?.items.length === 1
  return (
    <>
      <Section
        title="Passkeys"
        description="With a passkey, a sign-in also asks for a device of yours, which checks your PIN, finger or face. A stolen password alone then opens nothing."
        actions={passkeys.data && passkeys.data.items.length > 0 && add}
      >
        {!works && <Unavailable />}
        <QueryView
          query={passkeys}
          rows={2}
          isEmpty={({ items }) => items.length === 0}
          empty={
            <EmptyState title="No passkeys yet" icon={Fingerprint} action={add}>
              It can be this computer, your phone, or a security key. Nothing secret of it leaves the device.
            </EmptyState>
          }
        >
          {({ items }) => (
            <DataTable
              label="Passkeys"
              rows={items}
              rowKey={({ id }) => id}
              columns={[
                { title: 'Name', cell: ({ label }) => printable(label) },
                {
                  title: 'Kept',
                  cell: ({ backedUp }) => (backedUp ? 'synced to your other devices' : 'on this one device'),
                },
                { title: 'Last used', cell: ({ lastUsedAt }) => <Time at={lastUsedAt} /> },
                { title: 'Added', cell: ({ createdAt }) => <Time at={createdAt} /> },
                {
                  title: '',
                  align: 'right',
                  cell: (passkey) => (
                    <Group gap="xs" justify="flex-end" wrap="nowrap">
                      <Button
                        size="compact-sm"
                        variant="default"
                        onClick={() => setDoing({ what: 'rename', passkey })}
                      >
                        Rename
                      </Button>
                      <Button
                        size="compact-sm"
                        variant="default"
                        onClick={() => setDoing({ what: 'delete', passkey })}
                      >
                        Delete
                      </Button>
                    </Group>
                  ),
                },
              ]}
            />
          )}
        </QueryView>
      </Section>
      {passkeys.data && passkeys.data.items.length > 0 && (
        <RecoveryCodes left={passkeys.data.recoveryCodes} onMade={renew} />
      )}
      <AddPasskey opened={doing?.what === 'add'} onClose={done} onAdded={renew} />
      <RenamePasskey
        passkey={doing?.what === 'rename' ? doing.passkey : undefined}
        onClose={done}
        onRenamed={renew}
      />
      <Confirm
        opened={doing?.what === 'delete'}
        onClose={done}
        title={`Delete “${printable(chosen?.label ?? '')}”?`}
        action="Delete passkey"
        onConfirm={() => remove(chosen!)}
      >
        {last
          ? 'It is your last passkey: from then on a sign-in asks for nothing more than your password or sign-in provider.'
          : 'It no longer opens your account.'}{' '}
        Remove it from the device too, so that the browser does not offer it any more.
      </Confirm>
    </>
  )
}

function Unavailable() {
  return (
    <Alert variant="light" color="gray" title="This browser offers no passkeys here">
      <Text size="sm" c="var(--mantine-color-text)">
        They need an https address with a host name, or localhost, and a browser that knows them. Whoever runs
        this server sets that address as NORA_PUBLIC_URL.
      </Text>
    </Alert>
  )
}
