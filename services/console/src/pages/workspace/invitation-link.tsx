import { Button, Group, Stack, Text, TextInput } from '@mantine/core'
import { useClipboard } from '@mantine/hooks'
import { absoluteTime } from '@nora/ui/lib/words'
import { Check, Copy } from 'lucide-react'
import { invitationLink } from './invitation-token.ts'

type InvitationLinkProps = {
  made: { email: string; token: string; expiresAt: string }
  onClose: () => void
}

/** The link of an invitation that was just made. It is shown here and never again. */
export function InvitationLink({ made, onClose }: InvitationLinkProps) {
  const clipboard = useClipboard({ timeout: 2_000 })
  const link = invitationLink(window.location.origin, made.token)
  return (
    <Stack>
      <Text size="sm">
        Give this link to <b>{made.email}</b>, in a way that nobody else reads. It is shown now and never
        again; it works until {absoluteTime(made.expiresAt)}.
      </Text>
      <TextInput
        label="Invitation link"
        value={link}
        readOnly
        spellCheck={false}
        onFocus={(event) => event.currentTarget.select()}
        styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
      />
      <Text size="sm" c="dimmed">
        They sign in as {made.email} first, or sign up with that address where this server lets people sign
        up.
      </Text>
      <Group justify="flex-end" gap="xs">
        <Button
          variant="default"
          leftSection={clipboard.copied ? <Check size={16} aria-hidden /> : <Copy size={16} aria-hidden />}
          onClick={() => clipboard.copy(link)}
          data-autofocus
        >
          {clipboard.copied ? 'Copied' : 'Copy link'}
        </Button>
        <Button onClick={onClose}>Done</Button>
      </Group>
    </Stack>
  )
}
