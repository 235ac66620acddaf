import { Button, Group, Modal, Stack } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import type { ReactNode } from 'react'
import { type FormRun, useFormRun } from './lib/use-form-run.ts'
import { ProblemAlert } from './problem-alert.tsx'

type DialogProps = {
  opened: boolean
  onClose: () => void
  title: string
  size?: string
  /** Off for what must not be lost by a key pressed in passing. */
  closeOnEscape?: boolean
  children: ReactNode
}

/** A dialogue with something to fill in: a whole page on a phone, and not closed by a click beside it. */
export function Dialog({ opened, onClose, title, size = 'lg', closeOnEscape = true, children }: DialogProps) {
  const narrow = useMediaQuery('(max-width: 36em)', false, { getInitialValueInEffect: false })
  return (
    <Modal
      {...{ opened, onClose, title, size, closeOnEscape }}
      fullScreen={narrow}
      closeOnClickOutside={false}
      centered
    >
      {opened && children}
    </Modal>
  )
}

type FormBodyProps = {
  /** Does it; gives what is wrong with single fields, by their names. What it throws is shown in the form. */
  run: FormRun
  onClose: () => void
  /** What the button that Enter presses does. */
  action: string
  /** A second way to send the same form; `run` is told its value. */
  otherAction?: { title: string; value: string } | undefined
  color?: string | undefined
  /** Gets what is wrong with single fields. Fields are not controlled: what is in them is read when they are sent. */
  children: (errors: Record<string, string>) => ReactNode
}

/** The form of a dialogue. What was typed stays in the page's fields alone, and is gone with them. */
export function FormBody({ run, onClose, action, otherAction, color, children }: FormBodyProps) {
  const { formRef, busy, error, fields, onSubmit } = useFormRun(run)
  return (
    <form ref={formRef} onSubmit={onSubmit} noValidate autoComplete="off">
      <Stack>
        {children(fields)}
        {error !== undefined && <ProblemAlert error={error} />}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          {otherAction && (
            <Button type="button" variant="light" value={otherAction.value} loading={busy} onClick={onSubmit}>
              {otherAction.title}
            </Button>
          )}
          <Button type="submit" {...(color !== undefined && { color })} loading={busy}>
            {action}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
