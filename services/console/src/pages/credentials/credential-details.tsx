import { Code, Stack, Table, Text } from '@mantine/core'
import { Dialog } from '@nora/ui/form-dialog'
import { Time } from '@nora/ui/time'
import type { ReactNode } from 'react'
import { usePeople } from '../../names.ts'
import type { AboutProps } from './dialogs.tsx'
import { Holders } from './holders.tsx'

/** All that is known of a credential, which is never what is in it. */
export function CredentialDetails({ credential, entry, opened, onClose }: AboutProps) {
  const nameOf = usePeople()
  const rows: [string, ReactNode][] = [
    ['For', entry?.name ?? credential.provider],
    ['Belongs to', nameOf(credential.ownerId)],
    ...(credential.walletAddress === null
      ? []
      : [['Account', <Code key="a">{credential.walletAddress}</Code>] satisfies [string, ReactNode]]),
    ['Nora sends it to', credential.destinationHosts.join(', ') || 'nowhere by itself'],
    ...(credential.baseUrl === null ? [] : [['Base URL', credential.baseUrl] satisfies [string, ReactNode]]),
    ['Fingerprint', <Code key="f">{credential.fingerprint}</Code>],
    ['Version of the secret', credential.secretVersion],
    [
      'Version of the encryption key',
      credential.keyVersion === 0 ? 'none: not encrypted' : credential.keyVersion,
    ],
    ['Stored', <Time key="s" at={credential.createdAt} />],
    ['Changed', <Time key="c" at={credential.updatedAt} />],
    ['Last used', <Time key="l" at={credential.lastUsedAt} />],
    ['Used by', <Holders key="u" credential={credential} most={50} />],
  ]
  return (
    <Dialog opened={opened} onClose={onClose} title={credential.label}>
      <Stack>
        <Table withRowBorders={false} verticalSpacing={6}>
          <Table.Tbody>
            {rows.map(([title, value]) => (
              <Table.Tr key={title}>
                <Table.Th scope="row" w="12rem" fw={400} c="dimmed" style={{ verticalAlign: 'top' }}>
                  {title}
                </Table.Th>
                <Table.Td className="nora-wrap">{value}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
        <Text size="sm" c="dimmed">
          The same secret has the same fingerprint wherever it is stored on this server, and nobody can work
          the secret out from it. “Last used” is when it was last handed to an agent or tried.
        </Text>
      </Stack>
    </Dialog>
  )
}
