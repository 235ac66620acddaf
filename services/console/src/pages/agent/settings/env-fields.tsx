import { ActionIcon, Button, Group, Stack, Text, TextInput } from '@mantine/core'
import { Plus, Trash2 } from 'lucide-react'
import type { EnvRow } from './changes.ts'

type EnvFieldsProps = {
  rows: EnvRow[]
  onChange: (rows: EnvRow[]) => void
  errors: Record<string, unknown>
  disabled: boolean
}

/** Variables of an agent's environment, a row each. */
export function EnvFields({ rows, onChange, errors, disabled }: EnvFieldsProps) {
  const change = (id: number, part: Partial<EnvRow>) =>
    onChange(rows.map((row) => (row.id === id ? { ...row, ...part } : row)))
  const textOf = (name: string) => (typeof errors[name] === 'string' ? (errors[name] as string) : undefined)
  return (
    <Stack gap="xs" component="fieldset" bd={0} p={0} m={0}>
      <Text size="sm" fw={600} component="legend">
        Environment variables
      </Text>
      <Text size="xs" c="dimmed">
        For what is no secret: whoever sees this agent sees them. Secrets are keys, which are attached.
      </Text>
      {rows.map((row, at) => (
        <Group key={row.id} gap="xs" wrap="nowrap" align="flex-start">
          <TextInput
            aria-label={`Name of variable ${at + 1}`}
            placeholder="NAME"
            value={row.name}
            error={textOf(`env.${at}.name`)}
            onChange={(event) => change(row.id, { name: event.currentTarget.value })}
            flex="1 1 8rem"
            autoComplete="off"
            spellCheck={false}
            disabled={disabled}
          />
          <TextInput
            aria-label={`Value of variable ${at + 1}`}
            placeholder="value"
            value={row.value}
            error={textOf(`env.${at}.value`)}
            onChange={(event) => change(row.id, { value: event.currentTarget.value })}
            flex="2 1 10rem"
            autoComplete="off"
            spellCheck={false}
            disabled={disabled}
          />
          <ActionIcon
            variant="subtle"
            color="gray"
            size={36}
            aria-label={`Remove variable ${row.name || at + 1}`}
            onClick={() => onChange(rows.filter(({ id }) => id !== row.id))}
            disabled={disabled}
          >
            <Trash2 size={16} aria-hidden />
          </ActionIcon>
        </Group>
      ))}
      {textOf('env') && (
        <Text size="xs" c="var(--mantine-color-error)">
          {textOf('env')}
        </Text>
      )}
      <Button
        size="xs"
        variant="default"
        w="fit-content"
        leftSection={<Plus size={14} aria-hidden />}
        onClick={() =>
          onChange([...rows, { id: Math.max(0, ...rows.map(({ id }) => id)) + 1, name: '', value: '' }])
        }
        disabled={disabled}
      >
        Add a variable
      </Button>
    </Stack>
  )
}
