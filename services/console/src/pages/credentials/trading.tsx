import { Alert, Stack, Text } from '@mantine/core'
import { Confirm } from '@nora/ui/confirm'
import { said } from '@nora/ui/toasts'
import { TriangleAlert } from 'lucide-react'
import { withPasskeyWord } from '../../passkey-word.ts'
import { useWorkspace } from '../../session.tsx'
import { useWithStepUp } from '../../step-up.tsx'
import type { AboutProps } from './dialogs.tsx'
import { AgentLinks, useHolders } from './holders.tsx'
import { useFamily } from './use-family.ts'

/** Lets agents trade with an exchange credential: asks who one is, and for a passkey where there is one. */
export function EnableTrading({ family, credential, entry, opened, onClose }: AboutProps) {
  const { api } = useWorkspace()
  const withStepUp = useWithStepUp()
  const { calls, changed } = useFamily(family)
  const holders = useHolders(credential)
  const enable = async () => {
    const change = () => calls.change(credential.id, { permission: 'trading_enabled' })
    const { notice } = await withPasskeyWord(api, { action: 'exchange:trade', targetId: credential.id }, () =>
      withStepUp(change),
    )
    await changed()
    said(`Agents may trade with “${credential.label}”. ${notice ?? ''}`)
  }
  return (
    <Confirm
      {...{ opened, onClose }}
      title={`Let agents trade with “${credential.label}”?`}
      action="Enable trading"
      name={credential.label}
      onConfirm={enable}
    >
      <Stack gap="sm">
        <Alert
          color="red"
          variant="light"
          icon={<TriangleAlert size={18} aria-hidden />}
          title="Real money can be lost"
        >
          <Text size="sm" c="var(--mantine-color-text)">
            Programs in your agents may then buy and sell with your account at{' '}
            {entry?.name ?? credential.provider}, without asking you. A mistake in a program, or somebody who
            talks an agent into it, can cost you what is in the account.
          </Text>
        </Alert>
        <Text size="sm">
          {holders.length > 0 ? (
            <>
              <AgentLinks agents={holders} /> {holders.length === 1 ? 'holds' : 'hold'} it and{' '}
              {holders.length === 1 ? 'learns' : 'learn'} that it may trade with the next start or sync.
            </>
          ) : (
            'No agent holds it yet.'
          )}{' '}
          What the key can do at the exchange is decided there: give it no more rights than you need, and
          never the right to withdraw. You can go back to “read only” at any time, which is told to agents at
          once.
        </Text>
      </Stack>
    </Confirm>
  )
}

/** Takes the permission to trade back, which asks for nothing. */
export function BackToReadOnly({ family, credential, opened, onClose }: AboutProps) {
  const { calls, changed } = useFamily(family)
  const disable = async () => {
    await calls.change(credential.id, { permission: 'read_only' })
    await changed()
    said(`“${credential.label}” is read only. Agents that run are being told.`)
  }
  return (
    <Confirm
      {...{ opened, onClose }}
      title={`Take back trading with “${credential.label}”?`}
      action="Back to read only"
      onConfirm={disable}
    >
      <Text size="sm">
        Agents that run are told at once that they may only read. Orders that are open at the exchange stay
        open. A program that does not listen can still use the key: end it at the exchange if that must not
        happen.
      </Text>
    </Confirm>
  )
}
