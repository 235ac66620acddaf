import { Box, Center, Group, Paper, Stack, Text, Title } from '@mantine/core'
import { useDocumentTitle } from '@mantine/hooks'
import { ColorSchemeButton } from '@nora/ui/shell'
import type { ReactNode } from 'react'
import logo from '../nora.svg'

/** The frame of a page that is there before anybody is signed in. */
export function Entrance({
  title,
  description,
  children,
  below,
}: {
  title: string
  description?: ReactNode
  children: ReactNode
  /** Below the card: ways to other pages. */
  below?: ReactNode
}) {
  useDocumentTitle(`${title} · Nora`)
  return (
    <Box component="main" px="md" py={{ base: 'md', sm: 48 }}>
      <Box pos="absolute" top={12} right={16}>
        <ColorSchemeButton />
      </Box>
      <Center>
        <Stack w="100%" maw={420} gap="lg">
          <Group gap={8}>
            <img src={logo} alt="" width={32} height={32} />
            <Text fw={650} size="xl">
              Nora
            </Text>
          </Group>
          <Paper withBorder radius="md" p={{ base: 'md', sm: 'xl' }}>
            <Stack gap="lg">
              <Stack gap={6}>
                <Title order={1}>{title}</Title>
                {description && (
                  <Text size="sm" c="dimmed" component="div">
                    {description}
                  </Text>
                )}
              </Stack>
              {children}
            </Stack>
          </Paper>
          {below && (
            <Text size="sm" component="div" ta="center">
              {below}
            </Text>
          )}
        </Stack>
      </Center>
    </Box>
  )
}
