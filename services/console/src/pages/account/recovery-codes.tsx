import { Alert, Button, Group, Modal, Paper, SimpleGrid, Stack, Text } from '@mantine/core'
import { useClipboard } from '@mantine/hooks'
import { unwrap } from '@nora/client/client'
import { Confirm } from '@nora/ui/confirm'
import { counted } from '@nora/ui/lib/words'
import { Copy, Download } from 'lucide-react'
import { useState } from 'react'
import { api } from '../../api.ts'
import { useWithStepUp } from '../../step-up.tsx'
import { Section } from './section.tsx'

/** How many recovery codes are left, and the way to new ones, which are shown once. */
export function RecoveryCodes({ left, onMade }: { left: number; onMade: () => Promise<unknown> }) {
  const withStepUp = useWithStepUp()
  const [asking, setAsking] = useState(false)
  const [codes, setCodes] = useState<string[]>()
  const make = async () => {
    const made = await withStepUp(() => unwrap(api.call.POST('/api/auth/recovery-codes', { body: {} })))
    setCodes(made.codes)
    await onMade()
  }
  const button = (
    <Button variant={left === 0 ? 'filled' : 'default'} onClick={() => setAsking(true)}>
      Make {left === 0 ? 'recovery' : 'new'} codes
    </Button>
  )
  return (
    <Section
      title="Recovery codes"
      description="Ten codes for when no passkey is at hand. Each stands in for a passkey once."
      actions={button}
    >
      {left === 0 ? (
        <Alert variant="light" color="gray" title="You have none">
          <Text size="sm" c="var(--mantine-color-text)">
            If your only device is lost, nobody but whoever runs this server can let you in again. Make codes,
            and keep them away from that device.
          </Text>
        </Alert>
      ) : (
        <Text size="sm">
          {counted(left, 'code')} left{left < 4 && ': make new ones soon'}.
        </Text>
      )}
      <Confirm
        opened={asking}
        onClose={() => setAsking(false)}
        title="Make recovery codes?"
        action="Make codes"
        color="iris"
        onConfirm={make}
      >
        {left === 0
          ? 'They are shown once. Have paper or a password manager ready that is not on the device with your passkey.'
          : 'They are shown once, and the codes that you have now stop working.'}
      </Confirm>
      <Modal
        opened={codes !== undefined}
        onClose={() => setCodes(undefined)}
        title="Your recovery codes"
        centered
        closeOnClickOutside={false}
        closeOnEscape={false}
      >
        {codes && <Shown codes={codes} onClose={() => setCodes(undefined)} />}
      </Modal>
    </Section>
  )
}

function Shown({ codes, onClose }: { codes: string[]; onClose: () => void }) {
  const clipboard = useClipboard({ timeout: 1_500 })
  return (
    <Stack>
      <Text size="sm">Keep them now: they are never shown again. Each works once.</Text>
      <Paper withBorder p="md">
        <SimpleGrid
          cols={{ base: 1, xs: 2 }}
          spacing="xs"
          component="ul"
          m={0}
          p={0}
          style={{ listStyle: 'none' }}
        >
          {codes.map((code) => (
            <Text key={code} component="li" ff="monospace" size="sm" ta="center">
              {code}
            </Text>
          ))}
        </SimpleGrid>
      </Paper>
      <Group grow>
        <Button
          variant="default"
          leftSection={<Copy size={16} aria-hidden />}
          onClick={() => clipboard.copy(codes.join('\n'))}
        >
          {clipboard.copied ? 'Copied' : 'Copy'}
        </Button>
        <Button
          variant="default"
          leftSection={<Download size={16} aria-hidden />}
          onClick={() => save(codes)}
        >
          Download
        </Button>
      </Group>
      <Button onClick={onClose}>I have kept them</Button>
    </Stack>
  )
}

function save(codes: string[]): void {
  const text = `Recovery codes of Nora at ${window.location.host}. Each works once.\n\n${codes.join('\n')}\n`
  const address = URL.createObjectURL(new Blob([text], { type: 'text/plain' }))
  const link = document.createElement('a')
  link.href = address
  link.download = 'nora-recovery-codes.txt'
  link.click()
  URL.revokeObjectURL(address)
}
