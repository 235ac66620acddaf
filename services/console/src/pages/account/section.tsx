import { Group, Stack, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'

/** A part of the account page: what it is about, what one can do, and what is there. */
export function Section({
  title,
  description,
  actions,
  children,
}: {
  title: string
  description: ReactNode
  actions?: ReactNode
  children: ReactNode
}) {
  return (
    <Stack component="section" gap="md" mb={40}>
      <Group justify="space-between" align="flex-start" gap="md">
        <Stack gap={4} flex="1 1 16rem">
          <Title order={2}>{title}</Title>
          <Text size="sm" c="dimmed" maw="42rem" component="div">
            {description}
          </Text>
        </Stack>
        {actions && <Group gap="xs">{actions}</Group>}
      </Group>
      {children}
    </Stack>
  )
}
