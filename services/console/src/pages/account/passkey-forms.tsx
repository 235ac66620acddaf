import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { makePasskey } from '@nora/ui/lib/passkey'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { said } from '@nora/ui/toasts'
import { api } from '../../api.ts'
import { useWithStepUp } from '../../step-up.tsx'
import { useEntry } from '../sign-in/use-entry.ts'
import { deviceName } from './device-name.ts'

type FormProps = {
  begin: string
  words: string
  action: string
  onClose: () => void
  send: (label: string) => Promise<void>
}

function LabelForm({ begin, words, action, onClose, send }: FormProps) {
  const { onSubmit, busy, error, field } = useEntry({
    check: (entered) => ({ label: entered('label').trim() === '' ? 'Give it a name.' : undefined }),
    send: (entered) => send(entered('label').trim()),
  })
  return (
    <form onSubmit={onSubmit} noValidate>
      <Stack>
        <Text size="sm">{words}</Text>
        <TextInput
          {...field('label')}
          label="Name"
          description="To tell it from your others: the device, or where the key hangs."
          defaultValue={begin}
          autoComplete="off"
          maxLength={100}
          data-autofocus
        />
        {error !== undefined && <ProblemAlert error={error} />}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={busy}>
            {action}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

/** Adds a passkey: asks for its name, for a confirmation where it is needed, and then the device. */
export function AddPasskey({
  opened,
  onClose,
  onAdded,
}: {
  opened: boolean
  onClose: () => void
  onAdded: () => Promise<unknown>
}) {
  const withStepUp = useWithStepUp()
  return (
    <Modal opened={opened} onClose={onClose} title="Add a passkey" centered>
      <LabelForm
        begin={deviceName(window.navigator.userAgent)}
        words="Your browser will ask which device to use, and the device for your PIN, finger or face."
        action="Continue"
        onClose={onClose}
        send={async (label) => {
          const options = await withStepUp(() =>
            unwrap(api.call.POST('/api/auth/passkeys/options', { body: {} })),
          )
          const registration = await makePasskey(options)
          await unwrap(api.call.POST('/api/auth/passkeys', { body: { label, registration } }))
          await onAdded()
          said('The passkey is added. Sign-ins ask for it from now on.')
          onClose()
        }}
      />
    </Modal>
  )
}

/** Calls a passkey something else. */
export function RenamePasskey({
  passkey,
  onClose,
  onRenamed,
}: {
  passkey: { id: string; label: string } | undefined
  onClose: () => void
  onRenamed: () => Promise<unknown>
}) {
  return (
    <Modal opened={passkey !== undefined} onClose={onClose} title="Rename the passkey" centered>
      {passkey && (
        <LabelForm
          begin={passkey.label}
          words="Only the name here changes; your device may show another."
          action="Rename"
          onClose={onClose}
          send={async (label) => {
            const path = { id: passkey.id }
            await unwrap(api.call.PATCH('/api/auth/passkeys/{id}', { params: { path }, body: { label } }))
            await onRenamed()
            onClose()
          }}
        />
      )}
    </Modal>
  )
}
