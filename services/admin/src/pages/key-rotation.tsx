import { Alert, Code, Group, Paper, Progress, Stack, Text, Title } from '@mantine/core'
import type { Answered } from '@nora/client/api-types'
import { DataTable } from '@nora/ui/data-table'
import { counted } from '@nora/ui/lib/words'
import { Time } from '@nora/ui/time'
import { Info, TriangleAlert } from 'lucide-react'
import { howLong } from './how-long.ts'

type Keys = Answered<'/api/admin/keys', 'get'>
type Rotation = NonNullable<Keys['rotation']>

const tableWords = { credentials: 'Stored secrets', deliveredCopies: 'Delivered copies' } as const

/** How far an exchange of the encryption key is: what is left, table by table, and how long that takes. */
export function KeyRotation({ rotation }: { rotation: Keys['rotation'] }) {
  if (!rotation) return null
  const { finishedAt, targetVersion } = rotation
  return (
    <Paper withBorder p="lg">
      <Stack gap="md">
        <Title order={2}>
          {finishedAt
            ? `Exchange to version ${targetVersion} is finished`
            : `Exchanging to version ${targetVersion}`}
        </Title>
        {rotation.tables.map(({ table, left, total }) => (
          <TableProgress key={table} name={tableWords[table]} left={left} total={total} />
        ))}
        <Text size="sm">{speedOf(rotation)}</Text>
        <Text size="sm" c="dimmed">
          Begun <Time at={rotation.startedAt} />
          {rotation.movedAt && !finishedAt && (
            <>
              , last moved <Time at={rotation.movedAt} />
            </>
          )}
          {finishedAt && (
            <>
              , finished <Time at={finishedAt} />
            </>
          )}
        </Text>
      </Stack>
    </Paper>
  )
}

function TableProgress({ name, left, total }: { name: string; left: number; total: number }) {
  const done = total === 0 ? 100 : Math.floor(((total - left) / total) * 100)
  return (
    <Stack gap={4}>
      <Group justify="space-between">
        <Text size="sm" fw={600}>
          {name}
        </Text>
        <Text size="sm">
          {left === 0
            ? `all ${total.toLocaleString('en')} done`
            : `${left.toLocaleString('en')} of ${total.toLocaleString('en')} left`}
        </Text>
      </Group>
      <Progress value={done} aria-label={`${name}: ${done} per cent are re-sealed`} />
    </Stack>
  )
}

function speedOf({ resealed, remaining, rowsPerSecond, secondsLeft, finishedAt }: Rotation): string {
  const done = `${resealed.toLocaleString('en')} re-sealed`
  if (remaining === 0 || finishedAt) return `${done}.`
  if (rowsPerSecond === null || secondsLeft === null) return `${done}. Nothing moves at present.`
  return `${done}, ${rowsPerSecond.toLocaleString('en')} a second: about ${howLong(secondsLeft)} left.`
}

/** What the operator does now, in a sentence. */
export function NextStep({ keys }: { keys: Keys }) {
  const { next, rotation } = keys
  if (next === 'nothing') return null
  const { title, body, bad } = words(next, keys, rotation?.waitingFor ?? [])
  return (
    <Alert
      color={bad ? 'red' : 'blue'}
      title={title}
      icon={bad ? <TriangleAlert aria-hidden /> : <Info aria-hidden />}
    >
      {body}
    </Alert>
  )
}

function words(next: Exclude<Keys['next'], 'nothing'>, { keys }: Keys, waitingFor: readonly string[]) {
  const lost = keys.filter((key) => !key.openedByWorkers && key.credentials + key.deliveredCopies > 0)
  switch (next) {
    case 'put-key-back':
      return {
        title: `No worker has key ${lost.map((key) => key.version).join(', ')}`,
        body: `${counted(
          lost.reduce((sum, key) => sum + key.credentials + key.deliveredCopies, 0),
          'record',
        )} cannot be opened. Put the key back into ENCRYPTION_KEYS_PREVIOUS and start Nora again; nothing is lost while you have it.`,
        bad: true,
      }
    case 'start-workers':
      return {
        title: 'Not every worker has the new key',
        body: `Start these again with it: ${waitingFor.join(', ')}. Nothing is re-sealed before.`,
        bad: false,
      }
    case 'restart-api':
      return {
        title: 'The new key is staged',
        body: 'Every worker has it, this api still seals with the one before: start the api again with the new NORA_SEAL_KEY.',
        bad: false,
      }
    case 'wait':
      return {
        title: 'The worker re-seals what is stored',
        body: 'Nothing to do. Keep the old key where it is until no record of it is left.',
        bad: false,
      }
    case 'replace-unopened':
      return {
        title: 'Some records do not open',
        body: 'All others are re-sealed. Have these secrets replaced or deleted by their owners; the old key stays until then.',
        bad: true,
      }
    case 'finish':
      return {
        title: 'The old key is not needed any more',
        body: 'Take it off with ./setup.sh --rotate encryption-key --finish. Keep it with the backups of its time.',
        bad: false,
      }
  }
}

/** Which records did not open, where they are, and never what is in them. */
export function UnopenedRecords({ records }: { records: Keys['unopened'] }) {
  if (records.length === 0) return null
  return (
    <Stack gap="sm">
      <Title order={2}>Records that did not open</Title>
      <DataTable
        label="Records that did not open"
        rows={records}
        rowKey={({ credentialId, agentId, secretVersion }) =>
          `${credentialId}:${agentId ?? ''}:${secretVersion}`
        }
        columns={[
          { title: 'Secret', cell: ({ credentialId }) => <Code>{credentialId}</Code> },
          { title: 'Workspace', cell: ({ workspaceId }) => <Code>{workspaceId}</Code> },
          {
            title: 'What',
            cell: ({ agentId }) => (agentId ? 'copy that an agent was given' : 'stored secret'),
          },
          { title: 'Key version', cell: ({ keyVersion }) => keyVersion },
        ]}
      />
      <Text size="sm" c="dimmed">
        The audit says why, under <Code>SECRET_OPEN_FAILED</Code>.
      </Text>
    </Stack>
  )
}
