import { NumberInput, Text } from '@mantine/core'
import type { Item } from '@nora/client/api-types'
import { unwrap } from '@nora/client/client'
import { Confirm } from '@nora/ui/confirm'
import { Dialog, FormBody } from '@nora/ui/form-dialog'
import { said } from '@nora/ui/toasts'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useWorkspace } from '../../session.tsx'
import { useWithStepUp } from '../../step-up.tsx'
import { ShownKey } from './shown-key.tsx'

export type HubKey = Item<'/api/workspaces/{id}/api-keys'>
type Props = { hubKey: HubKey; opened: boolean; onClose: () => void }

/** Gives a key another secret, and shows that once; the one before works on for as long as is said. */
export function RotateKey({ hubKey, opened, onClose }: Props) {
  const [made, setMade] = useState<string>()
  const close = () => {
    setMade(undefined)
    onClose()
  }
  return (
    <Dialog
      opened={opened}
      onClose={close}
      title={made === undefined ? `Rotate “${hubKey.name}”` : 'Here is the new key'}
      closeOnEscape={made === undefined}
    >
      {made === undefined ? (
        <Grace hubKey={hubKey} onMade={setMade} onClose={close} />
      ) : (
        <ShownKey value={made} onClose={close} />
      )}
    </Dialog>
  )
}

function Grace({ hubKey, onMade, onClose }: Omit<Props, 'opened'> & { onMade: (key: string) => void }) {
  const { api, key, workspace } = useWorkspace()
  const queries = useQueryClient()
  const withStepUp = useWithStepUp()
  const [hours, setHours] = useState<number | string>(24)
  const run = async () => {
    const graceHours = Number(hours)
    if (hours === '' || !(graceHours >= 0 && graceHours <= 168))
      return { graceHours: 'A number of hours from 0 to 168, which is a week.' }
    const params = { path: { id: workspace.id, keyId: hubKey.id } }
    const made = await withStepUp(() =>
      unwrap(api.POST('/api/workspaces/{id}/api-keys/{keyId}/rotate', { params, body: { graceHours } })),
    )
    void queries.invalidateQueries({ queryKey: key('api-keys') })
    onMade(made.key)
    return undefined
  }
  return (
    <FormBody run={run} onClose={onClose} action="Rotate the key">
      {(errors) => (
        <>
          <Text size="sm">
            The key gets another secret, which is shown once. Name, what it may do and when it ends stay. Give
            the program the new one while the old one still works.
          </Text>
          <NumberInput
            name="graceHours"
            label="Hours for which the old secret goes on working"
            description="0 to 168. If the old one is in wrong hands, say 0: it ends at once."
            value={hours}
            onChange={setHours}
            min={0}
            max={168}
            clampBehavior="none"
            allowNegative={false}
            required
            error={errors['graceHours']}
            data-autofocus
          />
        </>
      )}
    </FormBody>
  )
}

/** Ends a key for good. */
export function RevokeKey({ hubKey, opened, onClose }: Props) {
  const { api, key, workspace } = useWorkspace()
  const queries = useQueryClient()
  const withStepUp = useWithStepUp()
  const revoke = async () => {
    const params = { path: { id: workspace.id, keyId: hubKey.id } }
    await withStepUp(() => unwrap(api.DELETE('/api/workspaces/{id}/api-keys/{keyId}', { params })))
    void queries.invalidateQueries({ queryKey: key('api-keys') })
    said(`“${hubKey.name}” is revoked.`)
  }
  return (
    <Confirm
      {...{ opened, onClose }}
      title={`Revoke “${hubKey.name}”?`}
      action="Revoke the key"
      onConfirm={revoke}
    >
      <Text size="sm">
        Programs that use it are refused from now on, and streams that they hold open are closed within
        seconds. What they made stays. A revoked key cannot be brought back.
      </Text>
    </Confirm>
  )
}
