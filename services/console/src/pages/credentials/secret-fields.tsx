import { ActionIcon, Button, Group, PasswordInput, Stack, Text, Textarea, TextInput } from '@mantine/core'
import { Plus, X } from 'lucide-react'
import { useState } from 'react'
import type { CatalogEntry, CatalogField } from './calls.ts'
import classes from './credentials.module.css'
import { fieldName, hasLines, pairNames, waysToFill } from './secret-form.ts'

type Props = {
  entry: CatalogEntry
  /** What is wrong, by the fields' names. */
  errors: Record<string, string>
  /** Fields that may stay empty because what is stored stays, with what that is where it is no secret. */
  kept?: Record<string, string>
}

/** The fields of a secret, as the catalogue says. They hold what is typed by themselves: nothing on the page remembers it. */
export function SecretFields({ entry, errors, kept = {} }: Props) {
  const ways = waysToFill(entry)
  return (
    <Stack gap="sm" data-shows="secret">
      {ways !== '' && (
        <Text size="sm" c="dimmed">
          {ways}.
        </Text>
      )}
      {entry.anyFields ? (
        <Pairs errors={errors} />
      ) : (
        entry.fields.map((field) => (
          <SecretField key={field.name} field={field} errors={errors} kept={kept[field.name]} />
        ))
      )}
      {errors['secret'] && (
        <Text size="sm" c="var(--mantine-color-error)" role="alert">
          The secret: {errors['secret'].charAt(0).toLowerCase() + errors['secret'].slice(1)}.
        </Text>
      )}
    </Stack>
  )
}

function SecretField({
  field,
  errors,
  kept,
}: {
  field: CatalogField
  errors: Record<string, string>
  kept: string | undefined
}) {
  const name = fieldName(field.name)
  const required = field.required && kept === undefined
  const props = {
    name,
    'data-shows': field.name,
    label: field.title,
    required,
    ...(!required && { description: kept === undefined ? 'Optional.' : `Stays ${kept} when this is empty.` }),
    error: errors[name] ?? (field.name === 'walletAddress' ? errors['walletAddress'] : undefined),
    autoComplete: 'off',
    spellCheck: false,
  }
  if (field.secret && hasLines(field)) return <Lines {...props} />
  return field.secret ? <PasswordInput {...props} autoComplete="new-password" /> : <TextInput {...props} />
}

/** Several lines that nobody reads over one's shoulder. */
function Lines(props: Parameters<typeof Textarea>[0]) {
  return (
    <Textarea
      {...props}
      rows={4}
      classNames={{ input: classes['masked']! }}
      autoCapitalize="off"
      autoCorrect="off"
    />
  )
}

function Pairs({ errors }: { errors: Record<string, string> }) {
  const [pairs, setPairs] = useState([0])
  const [next, setNext] = useState(1)
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed">
        Each pair is given to agents under its name, for instance SERVICE_TOKEN.
      </Text>
      {pairs.map((pair, place) => {
        const { name, value } = pairNames(pair)
        return (
          <Group key={pair} gap="xs" align="flex-start" wrap="nowrap">
            <TextInput
              name={name}
              label="Name"
              required
              flex={1}
              error={errors[name]}
              autoComplete="off"
              spellCheck={false}
            />
            <Textarea
              name={value}
              label="Value"
              required
              rows={1}
              flex={2}
              error={errors[value]}
              autoComplete="off"
              spellCheck={false}
              classNames={{ input: classes['masked']! }}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              size="lg"
              mt={25}
              disabled={pairs.length === 1}
              aria-label={`Remove pair ${place + 1}`}
              onClick={() => setPairs(pairs.filter((one) => one !== pair))}
            >
              <X size={16} aria-hidden />
            </ActionIcon>
          </Group>
        )
      })}
      <Button
        variant="subtle"
        w="fit-content"
        leftSection={<Plus size={16} aria-hidden />}
        disabled={pairs.length >= 50}
        onClick={() => {
          setPairs([...pairs, next])
          setNext(next + 1)
        }}
      >
        Add a pair
      </Button>
    </Stack>
  )
}
