import {
  Button,
  Group,
  NumberInput,
  Paper,
  SimpleGrid,
  Stack,
  Text,
  Textarea,
  TextInput,
  Title,
} from '@mantine/core'
import { type UseFormReturnType, useForm } from '@mantine/form'
import { unwrap } from '@nora/client/client'
import { ApiProblem } from '@nora/client/problem'
import { fieldErrors } from '@nora/ui/lib/problem-words'
import { useUnsavedGuard } from '@nora/ui/lib/use-unsaved-guard'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { said } from '@nora/ui/toasts'
import { useMutation } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { useWorkspace } from '../../../session.tsx'
import { type Agent, openOperation } from '../../agents/agent-actions.ts'
import { useAgentAction } from '../../agents/use-agent-action.ts'
import { useShowAgent } from '../keys/use-change-keys.ts'
import {
  changesOf,
  hasChanged,
  needsRestart,
  placedErrors,
  problemsOf,
  type SettingsValues,
  valuesOf,
} from './changes.ts'
import { EnvFields } from './env-fields.tsx'

type Size = { cpus: number; memoryMb: number; diskMb: number; pids: number }
type SettingsFormProps = {
  agent: Agent
  asks: Record<'image' | 'command' | 'port', 'required' | 'optional' | 'no'>
  minimum: Size | undefined
  /** What the operator allows an agent at the most. */
  most: Size
}

/** Changes what an agent is asked to be. Its name holds at once, the rest from its next start on. */
export function SettingsForm({ agent, asks, minimum, most }: SettingsFormProps) {
  const { api } = useWorkspace()
  const show = useShowAgent()
  const ask = useAgentAction()
  const formRef = useRef<HTMLFormElement>(null)
  const restartAfter = useRef(false)
  const form = useForm<SettingsValues>({ initialValues: valuesOf(agent), validate: problemsOf })
  /** What the form began with: only what was changed here is sent, whatever others changed meanwhile. */
  const [base, setBase] = useState(agent)
  const changes = Object.keys(problemsOf(form.values)).length === 0 ? changesOf(base, form.values) : undefined
  const dirty = changes === undefined || Object.keys(changes).length > 0
  const busy = openOperation(agent) !== null
  const runs = agent.desiredState === 'running'
  const restarts = changes !== undefined && needsRestart(changes)
  const save = useMutation({
    mutationFn: (body: ReturnType<typeof changesOf>) =>
      unwrap(api.PATCH('/api/agents/{id}', { params: { path: { id: agent.id } }, body })),
    onSuccess: async (answer) => {
      said('Saved.')
      begin(answer)
      await show(answer)
      if (restartAfter.current) ask.mutate({ agentId: agent.id, action: 'restart' })
    },
    onError: (error) => form.setErrors(placedErrors(fieldErrors(error), form.values.env)),
  })
  const begin = (from: Agent) => {
    setBase(from)
    form.setValues(valuesOf(from))
    form.clearErrors()
  }
  const changedMeanwhile = agent.updatedAt > base.updatedAt && hasChanged(base, agent)
  useEffect(() => {
    if (changedMeanwhile && !dirty && !save.isPending) begin(agent)
  })
  useUnsavedGuard(dirty && !save.isPending)
  const focusWrong = () =>
    requestAnimationFrame(() => formRef.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus())
  const submit = (thenRestart: boolean) =>
    form.onSubmit(() => {
      restartAfter.current = thenRestart
      if (changes && dirty) save.mutate(changes, { onError: focusWrong })
    }, focusWrong)
  const placed = Object.keys(placedErrors(fieldErrors(save.error), form.values.env)).length > 0
  return (
    <form ref={formRef} onSubmit={submit(false)} noValidate>
      <Stack>
        <Paper withBorder p="md" radius="md">
          <Stack>
            <Title order={2}>Settings</Title>
            <TextInput
              label="Name"
              description="Changes at once. Links to this agent stay the same."
              maxLength={64}
              {...form.getInputProps('name')}
            />
            <Sizes form={form} minimum={minimum} most={most} disabled={busy} />
            {asks.image !== 'no' && (
              <TextInput
                label="Image"
                description="From a registry, like ghcr.io/you/agent:1.0."
                maxLength={512}
                spellCheck={false}
                disabled={busy}
                {...form.getInputProps('image')}
              />
            )}
            {asks.command !== 'no' && (
              <Textarea
                label="Command"
                description="One argument a line. Empty: the image’s own."
                autosize
                minRows={2}
                maxRows={10}
                spellCheck={false}
                disabled={busy}
                {...form.getInputProps('command')}
              />
            )}
            {asks.port !== 'no' && (
              <NumberInput
                label="Port"
                description="Where its program listens. Empty: it is not reached from outside."
                min={1}
                max={65_535}
                allowDecimal={false}
                w={160}
                disabled={busy}
                {...form.getInputProps('port')}
              />
            )}
            <EnvFields
              rows={form.values.env}
              onChange={(rows) => form.setFieldValue('env', rows)}
              errors={form.errors}
              disabled={busy}
            />
            {(asks.image !== 'no' || Object.keys(agent.config).length > 0) && (
              <Textarea
                label="Configuration"
                description="What the runtime knows about the program, as a JSON object: probePath, startSeconds, statePath, keyEnv, keyFiles."
                autosize
                minRows={3}
                maxRows={16}
                spellCheck={false}
                styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
                disabled={busy}
                {...form.getInputProps('config')}
              />
            )}
          </Stack>
        </Paper>
        {busy && (
          <Text size="sm" c="dimmed">
            While an operation is open only the name can be changed.
          </Text>
        )}
        {changedMeanwhile && dirty && (
          <Text size="sm">
            Somebody changed this agent meanwhile. Saving sends what you changed and leaves the rest as it is
            now.
          </Text>
        )}
        {save.error instanceof ApiProblem && save.error.code === 'secret-in-env' && (
          <Text size="sm" role="alert">
            Nothing was saved: a secret does not belong here. Store it as a key and attach it on the Keys tab.
          </Text>
        )}
        {save.error !== null && !placed && <ProblemAlert error={save.error} />}
        <Group justify="space-between" gap="sm">
          <Text size="sm" c="dimmed" role="status">
            {restarts && runs && 'These changes take effect when the agent is started again.'}
            {restarts && !runs && 'These changes take effect at its next start.'}
          </Text>
          <Group gap="xs">
            <Button variant="default" disabled={!dirty} onClick={() => begin(agent)}>
              Discard
            </Button>
            {restarts && runs && (
              <Button
                variant="default"
                loading={save.isPending && restartAfter.current}
                onClick={() => submit(true)()}
              >
                Save and restart
              </Button>
            )}
            <Button type="submit" disabled={!dirty} loading={save.isPending && !restartAfter.current}>
              Save
            </Button>
          </Group>
        </Group>
      </Stack>
    </form>
  )
}

type SizesProps = {
  form: UseFormReturnType<SettingsValues>
  minimum: Size | undefined
  most: Size
  disabled: boolean
}

function Sizes({ form, minimum, most, disabled }: SizesProps) {
  const sizes = [
    ['cpus', 'Processor', 'cores', 0.25],
    ['memoryMb', 'Memory', 'MB', 64],
    ['diskMb', 'Disk', 'MB', 64],
    ['pids', 'Processes', 'at once', 16],
  ] as const
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }} spacing="sm">
      {sizes.map(([name, label, unit, step]) => (
        <NumberInput
          key={name}
          label={label}
          description={`${minimum?.[name] ?? 0} to ${most[name].toLocaleString('en')} ${unit}`}
          min={0}
          step={step}
          allowDecimal={name === 'cpus'}
          decimalScale={3}
          allowNegative={false}
          disabled={disabled}
          {...form.getInputProps(name)}
        />
      ))}
    </SimpleGrid>
  )
}
