import { Stack, Text } from '@mantine/core'
import { ApiProblem } from '@nora/client/problem'
import { Confirm } from '@nora/ui/confirm'
import { said } from '@nora/ui/toasts'
import { useState } from 'react'
import { useWorkspace } from '../../session.tsx'
import { useWithStepUp } from '../../step-up.tsx'
import type { AboutProps } from './dialogs.tsx'
import { AgentLinks } from './holders.tsx'
import { useFamily } from './use-family.ts'

/** Lets everybody in the workspace give it to agents, after saying what that means. */
export function ShareCredential({ family, credential, opened, onClose }: AboutProps) {
  const { workspace } = useWorkspace()
  const withStepUp = useWithStepUp()
  const { calls, changed } = useFamily(family)
  const share = async () => {
    await withStepUp(() => calls.change(credential.id, { sharedWithWorkspace: true }))
    await changed()
    said(`“${credential.label}” is shared with ${workspace.name}.`)
  }
  return (
    <Confirm
      {...{ opened, onClose }}
      title={`Share “${credential.label}”?`}
      action={`Share with ${workspace.name}`}
      color="iris.7"
      onConfirm={share}
    >
      <Stack gap="xs">
        <Text size="sm">
          Everybody in {workspace.name} sees that it is there, and editors, admins and owners can give it to
          agents, test it and have agents use it at your cost. Nora shows the secret to nobody.
        </Text>
        <Text size="sm">
          But whoever decides what runs in an agent can have that program read the secret. Share it only with
          people whom you would trust with it. It stays yours: you alone replace, delete or stop sharing it.
        </Text>
      </Stack>
    </Confirm>
  )
}

/** Takes it back from others' agents. */
export function StopSharing({ family, credential, opened, onClose }: AboutProps) {
  const { workspace } = useWorkspace()
  const { calls, changed } = useFamily(family)
  const [inUse, setInUse] = useState<{ id: string; name: string }[]>()
  const unshare = async () => {
    try {
      const { notice } = await calls.change(
        credential.id,
        { sharedWithWorkspace: false },
        inUse !== undefined,
      )
      await changed()
      said(notice ?? `“${credential.label}” is yours alone again.`)
    } catch (error) {
      setInUse(holdersIn(error) ?? inUse)
      throw error
    }
  }
  return (
    <Confirm
      {...{ opened, onClose }}
      title={`Stop sharing “${credential.label}”?`}
      action={inUse ? 'Take it from these agents' : 'Stop sharing'}
      {...(inUse && { name: credential.label })}
      onConfirm={unshare}
    >
      {inUse ? (
        <Text size="sm">
          Agents of others hold it: <AgentLinks agents={inUse} />. It is taken from them now, even while they
          run; whatever needs it fails from then on. A program may have kept the secret: replace it at the
          service if it must not be used any more.
        </Text>
      ) : (
        <Text size="sm">
          Nobody else in {workspace.name} will see it or give it to agents. Your own agents keep it. If agents
          of others hold it, you are asked once more.
        </Text>
      )}
    </Confirm>
  )
}

/** The agents that a refusal names. */
export function holdersIn(error: unknown): { id: string; name: string }[] | undefined {
  if (!(error instanceof ApiProblem) || !error.code.endsWith('-in-use')) return undefined
  return error.problem['agents'] as { id: string; name: string }[] | undefined
}
