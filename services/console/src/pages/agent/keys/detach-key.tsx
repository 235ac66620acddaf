import { Stack, Text } from '@mantine/core'
import { Confirm } from '@nora/ui/confirm'
import type { HeldKey } from './held-keys.ts'

type DetachKeyProps = {
  held: HeldKey | undefined
  runs: boolean
  onClose: () => void
  onDetach: (id: string) => Promise<unknown>
}

/** Asks before a key is taken from an agent, and says what that takes back and what not. */
export function DetachKey({ held, runs, onClose, onDetach }: DetachKeyProps) {
  return (
    <Confirm
      opened={held !== undefined}
      onClose={onClose}
      title="Detach this key?"
      action="Detach key"
      onConfirm={async () => held && onDetach(held.id)}
    >
      <Stack gap="sm">
        <Text size="sm">
          “{held?.label ?? 'A key of somebody else'}” stays stored; this agent does not get it any more.{' '}
          {runs
            ? 'Its copy is taken out of the running agent at once.'
            : 'The agent does not run, so it has no copy now.'}
        </Text>
        <Text size="sm">
          What the program has already read cannot be taken back: if it must not have the key, replace the key
          at its provider too.
        </Text>
      </Stack>
    </Confirm>
  )
}
