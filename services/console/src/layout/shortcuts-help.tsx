import { Kbd, Modal, Stack, Table, Text } from '@mantine/core'
import { modName } from './shortcuts.ts'

/** The keys that do something on every page. */
export function ShortcutsHelp({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const keys: [string[], string][] = [
    [[modName(), 'K'], 'Search pages, agents, workspaces and actions'],
    [['/'], 'The same, while no field has the focus'],
    [['?'], 'This list'],
    [['Esc'], 'Close a dialogue or a menu'],
  ]
  return (
    <Modal opened={opened} onClose={onClose} title="Keyboard shortcuts" centered>
      <Stack>
        <Table withRowBorders={false}>
          <Table.Tbody>
            {keys.map(([names, does]) => (
              <Table.Tr key={does}>
                <Table.Th scope="row" w="7rem">
                  {names.map((name, place) => (
                    <span key={name}>
                      {place > 0 && ' '}
                      <Kbd>{name}</Kbd>
                    </span>
                  ))}
                </Table.Th>
                <Table.Td>{does}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
        <Text size="sm" c="dimmed">
          An agent’s terminal keeps all keys to itself.
        </Text>
      </Stack>
    </Modal>
  )
}
