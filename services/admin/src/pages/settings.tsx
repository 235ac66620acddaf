import { Badge, Code, Paper, Progress, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core'
import type { Answered } from '@nora/client/api-types'
import { unwrap } from '@nora/client/client'
import { CopyButton } from '@nora/ui/copy-button'
import { DataTable } from '@nora/ui/data-table'
import { Page } from '@nora/ui/page'
import { QueryView } from '@nora/ui/query-view'
import { Time } from '@nora/ui/time'
import { useQuery } from '@tanstack/react-query'
import { api } from '../api.ts'
import { settingText } from './setting-text.ts'

type Settings = Answered<'/api/admin/settings', 'get'>

/** What the server was started with. It is changed in the environment, not here. */
export function SettingsPage() {
  const settings = useQuery({
    queryKey: ['settings'],
    queryFn: ({ signal }) => unwrap(api.call.GET('/api/admin/settings', { signal })),
  })
  return (
    <Page
      title="Settings"
      description="What each process was started with, without its secrets. To change one, edit its env file (see .env.example) and start Nora again."
    >
      <QueryView query={settings} rows={8}>
        {(data) => (
          <Stack gap="lg">
            <SimpleGrid cols={{ base: 1, sm: 3 }}>
              <Fact title="Version">{data.version}</Fact>
              <Fact title="Sign-up">
                <Badge color={data.signUp.enabled ? 'teal.9' : 'gray.7'}>
                  {data.signUp.enabled ? 'Open' : 'Closed'}
                </Badge>
                <Text size="sm" c="dimmed">
                  {data.signUp.captcha ? `with ${data.signUp.captcha}` : 'without a CAPTCHA'}
                </Text>
                <Text size="sm" c="dimmed">
                  {data.signInProviders.length === 0
                    ? 'no sign-in provider'
                    : `also by ${data.signInProviders.map(({ name }) => name).join(', ')}`}
                </Text>
              </Fact>
              <Fact title="Installation">
                <span className="nora-wrap">{data.installation.id}</span>{' '}
                <CopyButton value={data.installation.id} label="Copy the installation’s id" />
                <Text size="sm" c="dimmed">
                  claimed <Time at={data.installation.claimedAt} never="not yet" />
                </Text>
              </Fact>
            </SimpleGrid>
            <Quotas quotas={data.quotas} />
            {data.services.map((service) => (
              <Service key={service.service} {...service} />
            ))}
          </Stack>
        )}
      </QueryView>
    </Page>
  )
}

function Fact({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <Paper withBorder p="md">
      <Text size="sm" c="dimmed" mb={4}>
        {title}
      </Text>
      {children}
    </Paper>
  )
}

function Quotas({ quotas }: { quotas: Settings['quotas'] }) {
  return (
    <Stack gap="sm">
      <Title order={2}>Limits</Title>
      <DataTable
        label="Limits"
        rows={quotas}
        rowKey={({ name, per }) => `${name} ${per}`}
        columns={[
          { title: 'Limit', cell: ({ name }) => <Code>{name}</Code> },
          { title: 'For each', cell: ({ per }) => per },
          { title: 'Value', cell: ({ limit }) => limit.toLocaleString('en') },
          { title: 'Used', width: '12rem', cell: (quota) => <Used {...quota} /> },
        ]}
      />
    </Stack>
  )
}

function Used({ used, limit }: Settings['quotas'][number]) {
  if (used === null) return '–'
  return (
    <>
      {used.toLocaleString('en')}
      <Progress
        value={limit === 0 ? 100 : (used / limit) * 100}
        aria-label={`${used} of ${limit} used`}
        size="sm"
        miw={120}
      />
    </>
  )
}

function Service({ service, since, settings }: Settings['services'][number]) {
  return (
    <Stack gap="sm">
      <Title order={2}>{service}</Title>
      <Text size="sm" c="dimmed">
        As it was started <Time at={since} />.
      </Text>
      <Paper withBorder p="md" style={{ overflowX: 'auto' }} tabIndex={0} role="region" aria-label={service}>
        <Table layout="auto">
          <Table.Tbody>
            {Object.entries(settings).map(([name, value]) => (
              <Table.Tr key={name}>
                <Table.Th scope="row" fw={500} style={{ verticalAlign: 'top' }}>
                  <Code>{name}</Code>
                </Table.Th>
                <Table.Td className="nora-wrap" style={{ whiteSpace: 'pre-line' }}>
                  {settingText(value)}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Paper>
    </Stack>
  )
}
