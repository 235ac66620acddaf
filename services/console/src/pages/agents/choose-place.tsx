import { Radio, Stack } from '@mantine/core'
import type { DeployOptions } from './deploy-values.ts'

type ChoosePlaceProps = {
  label: string
  description: string
  choices: DeployOptions['targets']
  field: { value?: string; onChange: (value: string) => void; error?: unknown }
}

/** One of a few places; those that cannot be chosen say why. */
export function ChoosePlace({ label, description, choices, field }: ChoosePlaceProps) {
  return (
    <Radio.Group
      label={label}
      description={description}
      value={field.value ?? ''}
      onChange={field.onChange}
      error={field.error ? String(field.error) : undefined}
    >
      <Stack gap="sm" mt="xs">
        {choices.map(({ name, title, available, reason }) => (
          <Radio
            key={name}
            value={name}
            label={title}
            description={`${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`}
            disabled={!available}
          />
        ))}
      </Stack>
    </Radio.Group>
  )
}
