import { Alert, Button, Stack, Text } from '@mantine/core'
import { Page } from '@nora/ui/page'
import { EmptyState, QueryView } from '@nora/ui/query-view'
import { NoSuchPage } from '@nora/ui/route-problem'
import { itemsOf, ShowMore } from '@nora/ui/show-more'
import { TabLinks } from '@nora/ui/tab-links'
import { ChartCandlestick, KeyRound, Plug, Plus, ShieldAlert } from 'lucide-react'
import type { ReactNode } from 'react'
import { useParams, useSearchParams } from 'react-router'
import { useWorkspace } from '../../session.tsx'
import { AddCredential } from './add-credential.tsx'
import { CredentialList } from './credential-list.tsx'
import { useDialogs } from './dialogs.tsx'
import { type Family, families, familyAt, pathOf } from './family.ts'
import { useCredentials } from './use-family.ts'

/** The credentials of the workspace that whoever looks may use: of model providers, other services, exchanges. */
export function CredentialsPage() {
  const family = familyAt(useParams()['family'])
  if (!family) return <NoSuchPage />
  return <FamilyPage key={family.name} family={family} />
}

function FamilyPage({ family }: { family: Family }) {
  const { to, can } = useWorkspace()
  const stored = useCredentials(family)
  const { about, dialog } = useDialogs(family)
  // In the address, so that other pages can lead here.
  const [search, setSearch] = useSearchParams()
  const adding = search.has('add') && can('key:write')
  const add = can('key:write') && (
    <Button leftSection={<Plus size={16} aria-hidden />} onClick={() => setSearch({ add: '' })}>
      Add {family.one}
    </Button>
  )
  const rows = stored.data ? itemsOf(stored.data) : []
  return (
    <Page
      title="Keys and credentials"
      description="What agents sign in with. Secrets are encrypted as they arrive and never shown again; each agent gets only those that you give it."
      actions={add}
    >
      <TabLinks
        label="Kinds of credentials"
        tabs={families.map((each) => ({ title: each.title, to: to(pathOf(each)) }))}
      />
      <Text size="sm" c="dimmed" maw="46rem">
        {family.about} A fingerprint tells secrets apart without showing them: the same secret has the same
        one.
      </Text>
      {rows.some(({ keyVersion }) => keyVersion === 0) && <NotEncrypted />}
      <QueryView
        query={stored}
        isEmpty={() => rows.length === 0}
        empty={<Nothing family={family} add={add} />}
      >
        {() => (
          <Stack>
            <CredentialList family={family} rows={rows} onAction={about} />
            <ShowMore query={stored} />
          </Stack>
        )}
      </QueryView>
      <AddCredential
        family={family}
        opened={adding}
        onClose={() => setSearch({}, { replace: true })}
        onTry={(credential) => about('test', credential)}
      />
      {dialog}
    </Page>
  )
}

function Nothing({ family, add }: { family: Family; add: ReactNode }) {
  const icon = { 'provider-keys': KeyRound, integrations: Plug, 'exchange-credentials': ChartCandlestick }
  return (
    <EmptyState title={`No ${family.many} yet`} icon={icon[family.name]} action={add}>
      {add
        ? `Store the first one, then give it to an agent when you deploy it, or on the agent’s page.`
        : family.shareable
          ? 'Nobody has shared one with this workspace. Viewers see what is shared; editors can store their own.'
          : 'Viewers cannot store any. An owner or admin can give you another role.'}
    </EmptyState>
  )
}

function NotEncrypted() {
  return (
    <Alert
      color="red"
      variant="light"
      icon={<ShieldAlert size={18} aria-hidden />}
      title="Some of these are stored without encryption"
    >
      <Text size="sm" c="var(--mantine-color-text)">
        The operator of this server has switched encryption of secrets off (NORA_ALLOW_PLAINTEXT_SECRETS), now
        or when they were stored: whoever reads the database can read them. Store nothing here that matters,
        and replace these secrets once encryption is on.
      </Text>
    </Alert>
  )
}
