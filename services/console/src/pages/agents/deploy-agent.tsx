import {
  Accordion,
  Alert,
  Anchor,
  Button,
  Group,
  NumberInput,
  Paper,
  Stack,
  Text,
  TextInput,
  Title,
} from '@mantine/core'
import { ApiProblem } from '@nora/client/problem'
import { useUnsavedGuard } from '@nora/ui/lib/use-unsaved-guard'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { type FormEvent, useEffect, useState } from 'react'
import { Link, useNavigate } from 'react-router'
import { useWorkspace } from '../../session.tsx'
import { ChooseKeys } from './choose-keys.tsx'
import { ChoosePlace } from './choose-place.tsx'
import { ChooseRuntime } from './choose-runtime.tsx'
import classes from './deploy.module.css'
import { hasFolded, quotaWords } from './deploy-checks.ts'
import { bringsImage, type DeployOptions, usualSizes } from './deploy-values.ts'
import { EnvRows } from './env-rows.tsx'
import { ProgramFields } from './program-fields.tsx'
import { SizeField } from './size-fields.tsx'
import { useDeployForm } from './use-deploy-form.ts'

/** The form of a new agent: what it is, what it may use, and which keys it gets. */
export function DeployAgent({ options }: { options: DeployOptions }) {
  const { to } = useWorkspace()
  const navigate = useNavigate()
  const { form, runtime, error, made, busy, submit } = useDeployForm(options)
  const [more, setMore] = useState<string | null>(null)
  useUnsavedGuard(form.isDirty() && made === undefined)
  // After the guard's own effect, which has to have seen that nothing is unsaved any more.
  useEffect(() => {
    if (made !== undefined) void navigate(to(`/agents/${made}`), { replace: true })
  }, [made, navigate, to])
  const wrongBelow = hasFolded(form.errors as Record<string, string>)
  useEffect(() => {
    if (wrongBelow) setMore('more')
  }, [wrongBelow])
  if (!runtime) return null
  const choose = (name: string) => {
    const next = options.runtimes.find((one) => one.name === name)
    if (next) form.setValues({ runtime: name, ...usualSizes(next, options) })
    form.clearErrors()
  }
  const send = (event: FormEvent) => {
    event.preventDefault()
    void submit(runtime)
  }
  const size = { form, runtime, options }
  return (
    <form onSubmit={send} noValidate>
      <Stack gap="lg" maw="52rem">
        <Paper withBorder p={{ base: 'md', sm: 'lg' }}>
          <Stack gap="lg">
            <TextInput
              label="Name"
              description="What people call it. It can be changed later."
              placeholder="summarizer"
              required
              maxLength={64}
              autoComplete="off"
              {...form.getInputProps('name')}
            />
            <ChooseRuntime
              runtimes={options.runtimes}
              value={runtime.name}
              onChange={choose}
              error={form.errors['runtime'] as string | undefined}
            />
            <ProgramFields form={form} runtime={runtime} />
          </Stack>
        </Paper>
        <Paper withBorder p={{ base: 'md', sm: 'lg' }}>
          <ChooseKeys form={form} runtime={runtime} />
        </Paper>
        <Paper withBorder p={{ base: 'md', sm: 'lg' }}>
          <Stack gap="lg">
            <Title order={2}>What it may use</Title>
            <SizeField {...size} size="cpus" />
            <SizeField {...size} size="memoryMb" />
            <SizeField {...size} size="diskMb" />
          </Stack>
        </Paper>
        <Accordion
          variant="contained"
          value={more}
          onChange={setMore}
          keepMounted
          classNames={{ item: classes['more']! }}
        >
          <Accordion.Item value="more">
            <Accordion.Control>Variables, where it runs, and more</Accordion.Control>
            <Accordion.Panel>
              <Stack gap="lg">
                <EnvRows form={form} />
                <ChoosePlace
                  label="Target"
                  description="Where the agent’s container runs."
                  choices={options.targets}
                  field={form.getInputProps('target')}
                />
                <ChoosePlace
                  label="Sandbox profile"
                  description="How closely the agent is shut in."
                  choices={options.sandboxProfiles}
                  field={form.getInputProps('sandboxProfile')}
                />
                <SizeField {...size} size="pids" />
                {bringsImage(runtime) && (
                  <NumberInput
                    label="Time to start"
                    description="How many seconds it may take until its health check answers: 1 to 900, usually 120."
                    placeholder="120"
                    suffix=" s"
                    allowDecimal={false}
                    allowNegative={false}
                    {...form.getInputProps('startSeconds')}
                  />
                )}
              </Stack>
            </Accordion.Panel>
          </Accordion.Item>
        </Accordion>
        <Refusal error={error} />
        <Group>
          <Button type="submit" loading={busy} disabled={options.quotas.agents.left === 0}>
            Deploy agent
          </Button>
          <Button variant="default" component={Link} to={to('/agents')}>
            Cancel
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

/** What the api said, with the way on where there is one. */
function Refusal({ error }: { error: unknown }) {
  const { to } = useWorkspace()
  if (error === undefined) return null
  const code = error instanceof ApiProblem ? error.code : undefined
  const quota = quotaWords(error)
  return (
    <Stack gap="xs">
      {code === 'secret-in-env' ? (
        <Alert role="alert" color="red" variant="light" title="A value looks like a secret">
          <Text size="sm">
            Everybody who may see the agent sees its variables and its command.{' '}
            <Anchor component={Link} to={to('/credentials/provider-keys')} target="_blank" size="sm">
              Store the secret as a key (in a new tab)
            </Anchor>{' '}
            and choose it above: then only the agent’s program has it.
          </Text>
        </Alert>
      ) : (
        <ProblemAlert error={error} {...(quota !== undefined && { title: quota })} />
      )}
      {(code === 'network' || code === 'request-timeout') && (
        <Text size="sm">
          You can deploy again without harm: it makes one agent, even if the first try arrived.
        </Text>
      )}
    </Stack>
  )
}
