import { ActionIcon, Button, Input, Stack, TextInput } from '@mantine/core'
import { Plus, X } from 'lucide-react'
import classes from './deploy.module.css'
import type { DeployForm } from './use-deploy-form.ts'

/** Names and values that the agent's program sees as its environment. */
export function EnvRows({ form }: { form: DeployForm }) {
  return (
    <Input.Wrapper
      label="Environment variables"
      labelElement="div"
      description="Settings that are no secrets: everybody who may see the agent sees them. Passwords and tokens are keys."
      error={form.errors['env']}
    >
      <Stack gap="xs" mt="xs">
        {form.values.env.map((_, row) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the fields are controlled, and known by their place
          <div className={classes['row']!} key={row}>
            <TextInput
              aria-label={`Name of variable ${row + 1}`}
              placeholder="LOG_LEVEL"
              autoComplete="off"
              spellCheck={false}
              {...form.getInputProps(`env.${row}.name`)}
            />
            <TextInput
              aria-label={`Value of variable ${row + 1}`}
              placeholder="debug"
              autoComplete="off"
              spellCheck={false}
              {...form.getInputProps(`env.${row}.value`)}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              size={36}
              aria-label={`Remove variable ${row + 1}`}
              onClick={() => form.removeListItem('env', row)}
            >
              <X size={16} aria-hidden />
            </ActionIcon>
          </div>
        ))}
        <Button
          variant="default"
          w="fit-content"
          leftSection={<Plus size={16} aria-hidden />}
          disabled={form.values.env.length >= 100}
          onClick={() => form.insertListItem('env', { name: '', value: '' })}
        >
          Add a variable
        </Button>
      </Stack>
    </Input.Wrapper>
  )
}
