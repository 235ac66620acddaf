import { Anchor, Badge, Group, Paper, SimpleGrid, Stack, Text, Title } from '@mantine/core'
import type { Answered } from '@nora/client/api-types'
import { unwrap } from '@nora/client/client'
import { counted } from '@nora/ui/lib/words'
import { Page } from '@nora/ui/page'
import { EmptyState, QueryView } from '@nora/ui/query-view'
import { StateBadge } from '@nora/ui/state-badge'
import { useQuery } from '@tanstack/react-query'
import { ShieldCheck } from 'lucide-react'
import type { ReactNode } from 'react'
import { Link } from 'react-router'
import { api } from '../api.ts'
import { EntryTable } from './entry-table.tsx'
import { howLong } from './how-long.ts'

type Overview = Answered<'/api/admin/overview', 'get'>

/** How the whole server is, on one page. */
export function OverviewPage() {
  const overview = useQuery({
    queryKey: ['overview'],
    queryFn: ({ signal }) => unwrap(api.call.GET('/api/admin/overview', { signal })),
  })
  return (
    <Page title="Overview" description="How this server is right now.">
      <QueryView query={overview} rows={6}>
        {(data) => (
          <Stack gap="lg">
            <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }}>
              <Workers {...data.workers} />
              <Queue {...data.queue} />
              <People {...data.users} />
              <SignUp settings={data.settings} />
            </SimpleGrid>
            <Agents {...data.agents} />
            <Troubles items={data.troubles} />
          </Stack>
        )}
      </QueryView>
    </Page>
  )
}

type CardProps = { title: string; to: string; value: ReactNode; bad?: boolean; children?: ReactNode }

function Card({ title, to, value, bad = false, children }: CardProps) {
  return (
    <Paper withBorder p="md">
      <Stack gap={2}>
        <Anchor component={Link} to={to} size="sm">
          {title}
        </Anchor>
        <Text fz="xl" fw={650} c={bad ? 'var(--mantine-color-error)' : 'var(--mantine-color-text)'}>
          {value}
        </Text>
        <Text size="sm" c="dimmed" component="div">
          {children}
        </Text>
      </Stack>
    </Paper>
  )
}

const Workers = ({ live, silent }: Overview['workers']) => (
  <Card
    title="Workers"
    to="/workers"
    value={live === 0 ? 'None' : `${live} live`}
    bad={live === 0 || silent > 0}
  >
    {live === 0 ? 'Nothing is done until one runs.' : silent > 0 ? `${silent} silent` : 'All are heard of.'}
  </Card>
)

const Queue = ({ queued, running, failed, oldestSeconds }: Overview['queue']) => (
  <Card
    title="Queue"
    to={failed > 0 ? '/queue?status=failed' : '/queue'}
    value={queued + running === 0 ? 'Empty' : `${queued} waiting, ${running} running`}
    bad={(oldestSeconds ?? 0) > 300}
  >
    {oldestSeconds !== null && <>The oldest for {howLong(oldestSeconds)}. </>}
    {failed > 0 ? `${failed} failed within a day.` : 'None failed within a day.'}
  </Card>
)

const People = ({ all, disabled, admins }: Overview['users']) => (
  <Card title="People" to="/users" value={counted(all, 'person', 'people')}>
    {counted(admins, 'platform admin')}
    {disabled > 0 && `, ${disabled} disabled`}
  </Card>
)

function SignUp({ settings: { signUp, signInProviders, errorReports } }: { settings: Overview['settings'] }) {
  return (
    <Card title="Sign-up" to="/settings" value={signUp.enabled ? 'Open' : 'Closed'}>
      {signUp.captcha ? `With ${signUp.captcha}. ` : signUp.enabled && 'Without a CAPTCHA. '}
      {signInProviders.length > 0 && `Also by ${signInProviders.map(nameOf).join(', ')}. `}
      {errorReports ? 'Errors are reported.' : 'Errors are reported nowhere.'}
    </Card>
  )
}

const nameOf = (provider: string | { name?: string; id?: string }) =>
  typeof provider === 'string' ? provider : (provider.name ?? provider.id ?? '')

function Agents({ all, byState, unhealthy }: Overview['agents']) {
  const present = byState.filter(({ count }) => count > 0)
  return (
    <Paper withBorder p="md">
      <Stack gap="sm">
        <Group justify="space-between">
          <Title order={2}>{counted(all, 'agent')}</Title>
          <Anchor component={Link} to="/agents" size="sm">
            All agents
          </Anchor>
        </Group>
        {present.length === 0 ? (
          <Text size="sm" c="dimmed">
            People deploy agents in the console.
          </Text>
        ) : (
          <Group gap="lg">
            {present.map(({ state, count }) => (
              <Anchor key={state} component={Link} to={`/agents?state=${state}`} underline="never">
                <Group gap={6}>
                  <StateBadge state={state} />
                  <Text fw={650} c="var(--mantine-color-text)">
                    {count}
                  </Text>
                </Group>
              </Anchor>
            ))}
            {unhealthy > 0 && <Badge color="red.8">{unhealthy} do not answer their health check</Badge>}
          </Group>
        )}
      </Stack>
    </Paper>
  )
}

function Troubles({ items }: { items: Overview['troubles'] }) {
  return (
    <Stack gap="sm">
      <Title order={2}>What went wrong lately</Title>
      {items.length === 0 ? (
        <EmptyState title="Nothing" icon={ShieldCheck}>
          No failure and no security event within seven days.
        </EmptyState>
      ) : (
        <EntryTable label="What went wrong lately" entries={items} />
      )}
    </Stack>
  )
}
