import { Stack, Text } from '@mantine/core'
import { Confirm } from '@nora/ui/confirm'
import { said } from '@nora/ui/toasts'
import { useState } from 'react'
import { useWithStepUp } from '../../step-up.tsx'
import type { AboutProps } from './dialogs.tsx'
import { AgentLinks, useHolders } from './holders.tsx'
import { holdersIn } from './share-credential.tsx'
import { useFamily } from './use-family.ts'

/** Deletes a credential; where agents hold it, it is taken from them, which its name has to be typed for. */
export function DeleteCredential({ family, credential, opened, onClose }: AboutProps) {
  const withStepUp = useWithStepUp()
  const { calls, changed } = useFamily(family)
  const known = useHolders(credential)
  const [told, setTold] = useState<{ id: string; name: string }[]>()
  const holders = told ?? known
  const held = holders.length > 0
  const remove = async () => {
    try {
      const detached = await withStepUp(() => calls.remove(credential.id, held))
      void changed()
      said(detached?.notice ?? `“${credential.label}” is deleted.`)
    } catch (error) {
      setTold(holdersIn(error) ?? told)
      throw error
    }
  }
  return (
    <Confirm
      {...{ opened, onClose }}
      title={`Delete “${credential.label}”?`}
      action={held ? 'Take it from agents and delete it' : `Delete ${family.one}`}
      {...(held && { name: credential.label })}
      onConfirm={remove}
    >
      {held ? (
        <Stack gap="xs">
          <Text size="sm">
            In use: <AgentLinks agents={holders} /> {holders.length === 1 ? 'holds' : 'hold'} it.
          </Text>
          <Text size="sm">
            It is taken from {holders.length === 1 ? 'that agent' : 'these agents'} now, even while{' '}
            {holders.length === 1 ? 'it runs' : 'they run'}; whatever needs it fails from then on. A program
            may have kept the secret: end it at the service as well. This cannot be undone.
          </Text>
        </Stack>
      ) : (
        <Text size="sm">
          No agent holds it. Nora’s copy is gone for good then; the secret itself goes on working at the
          service until you end it there.
        </Text>
      )}
    </Confirm>
  )
}
