import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core'
import { type FormEvent, type ReactNode, useState } from 'react'
import { ProblemAlert } from './problem-alert.tsx'

type ConfirmProps = {
  opened: boolean
  onClose: () => void
  title: string
  /** What will happen, and what cannot be taken back. */
  children: ReactNode
  /** The words on the button: what it does ("Delete agent"), never "OK". */
  action: string
  /** Has to be typed first, for what cannot be taken back. */
  name?: string
  /** Does it. A rejection is shown in the dialogue, which stays open; otherwise it closes. */
  onConfirm: () => Promise<unknown>
  color?: string
}

/** Asks before something is done that cannot be undone. Escape and the cross leave everything as it is. */
export function Confirm(props: ConfirmProps) {
  return (
    <Modal opened={props.opened} onClose={props.onClose} title={props.title} centered>
      {props.opened && <Question {...props} />}
    </Modal>
  )
}

function Question({ onClose, children, action, name, onConfirm, color = 'red.8' }: ConfirmProps) {
  const [typed, setTyped] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const ready = name === undefined || typed.trim() === name
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    if (!ready || busy) return
    setBusy(true)
    setError(undefined)
    try {
      await onConfirm()
      onClose()
    } catch (problem) {
      setError(problem)
      setBusy(false)
    }
  }
  return (
    <form onSubmit={submit}>
      <Stack>
        <Text size="sm" component="div">
          {children}
        </Text>
        {name !== undefined && (
          <TextInput
            label={`Type ${name} to confirm`}
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            autoComplete="off"
            spellCheck={false}
            data-autofocus
          />
        )}
        {error !== undefined && <ProblemAlert error={error} />}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose} data-autofocus={name === undefined || undefined}>
            Cancel
          </Button>
          <Button type="submit" color={color} disabled={!ready} loading={busy}>
            {action}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
