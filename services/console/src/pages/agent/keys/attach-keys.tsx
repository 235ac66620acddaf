import { Anchor, Button, Checkbox, Group, Modal, Stack, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { type FormEvent, useState } from 'react'
import { Link } from 'react-router'
import { useWorkspace } from '../../../session.tsx'
import { type Agent, openOperation } from '../../agents/agent-actions.ts'
import { type Credential, useCredentials, useDeployOptions } from '../use-names.ts'
import { attachable, whyNot } from './held-keys.ts'
import type { ChangeKeys } from './use-change-keys.ts'

type AttachKeysProps = { agent: Agent; held: string[]; change: ChangeKeys }

/** The button and the dialogue with which an agent is given more keys. */
export function AttachKeys({ agent, held, change }: AttachKeysProps) {
  const [opened, { open, close }] = useDisclosure()
  return (
    <>
      <Button onClick={open} disabled={openOperation(agent) !== null}>
        Attach a key
      </Button>
      <Modal
        opened={opened}
        onClose={close}
        title="Attach keys"
        centered
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {opened && <Choice {...{ agent, held, change }} onClose={close} />}
      </Modal>
    </>
  )
}

function Choice({ agent, held, change, onClose }: AttachKeysProps & { onClose: () => void }) {
  const { to, can } = useWorkspace()
  const credentials = useCredentials()
  const options = useDeployOptions()
  const [chosen, setChosen] = useState<string[]>([])
  const [error, setError] = useState<unknown>()
  const kinds = options.data?.runtimes.find(({ name }) => name === agent.runtime)?.keyKinds ?? []
  const { known, others } = attachable(credentials.data ?? [], held, kinds)
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    if (chosen.length === 0) return
    setError(undefined)
    try {
      await change.mutateAsync([...held, ...chosen])
      onClose()
    } catch (problem) {
      setError(problem)
    }
  }
  const section = (title: string, list: Credential[]) =>
    list.length > 0 && (
      <Stack gap="xs" component="fieldset" bd={0} p={0} m={0}>
        <Text size="sm" fw={600} component="legend">
          {title}
        </Text>
        {list.map((one) => {
          const why = whyNot(one, agent)
          return (
            <Checkbox
              key={one.id}
              value={one.id}
              label={one.label}
              description={why ?? one.of}
              disabled={why !== undefined}
            />
          )
        })}
      </Stack>
    )
  return (
    <form onSubmit={submit}>
      <Stack>
        {credentials.error && <ProblemAlert error={credentials.error} />}
        {credentials.data && known.length + others.length === 0 ? (
          <Text size="sm">
            There is no other key here.{' '}
            {can('key:write') && (
              <Anchor component={Link} to={to('/credentials')}>
                Store one first.
              </Anchor>
            )}
          </Text>
        ) : (
          <Checkbox.Group value={chosen} onChange={setChosen} aria-label="Keys to attach">
            <Stack>
              {section('Keys', known)}
              {section('Others, which this runtime does not use by itself', others)}
            </Stack>
          </Checkbox.Group>
        )}
        <Text size="xs" c="dimmed">
          Whoever may change this agent can have its program use, and read, the keys that it holds.
        </Text>
        {error !== undefined && <ProblemAlert error={error} />}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" disabled={chosen.length === 0} loading={change.isPending}>
            Attach
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
