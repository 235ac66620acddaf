import { Alert, Button, Code, Group, Stack, Text } from '@mantine/core'
import { CopyButton } from '@nora/ui/copy-button'
import { Eye } from 'lucide-react'

/** A key in the one moment in which it can be seen, and how a program shows it. Gone when the dialogue closes. */
export function ShownKey({ value, onClose }: { value: string; onClose: () => void }) {
  const example = `curl -s ${window.location.origin}/api/agent-hub/me \\\n  -H "Authorization: Bearer $NORA_KEY"`
  return (
    <Stack>
      <Alert color="gray" variant="light" icon={<Eye size={18} aria-hidden />} title="Copy it now">
        <Text size="sm" c="var(--mantine-color-text)">
          This is the only time that the key is shown. Nora keeps a hash of it and cannot show it again.
        </Text>
      </Alert>
      <Copied value={value} label="Copy the key" title="The key" />
      <Copied
        value={example}
        label="Copy the example"
        title="How a program uses it, with the key in the variable NORA_KEY"
      />
      <Group justify="flex-end">
        <Button onClick={onClose}>I have copied the key</Button>
      </Group>
    </Stack>
  )
}

function Copied({ value, label, title }: { value: string; label: string; title: string }) {
  return (
    <Stack gap={4}>
      <Group justify="space-between" wrap="nowrap">
        <Text size="sm" fw={500}>
          {title}
        </Text>
        <CopyButton value={value} label={label} />
      </Group>
      <Code block className="nora-wrap" style={{ whiteSpace: 'pre-wrap' }} tabIndex={0} aria-label={title}>
        {value}
      </Code>
    </Stack>
  )
}
