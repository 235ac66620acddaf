import { Button, Menu } from '@mantine/core'
import { ChevronDown, Download } from 'lucide-react'
import { failed } from './toasts.tsx'

type ExportMenuProps = {
  /** Where a file of this format comes from. */
  pathOf: (format: 'jsonl' | 'csv') => string
  /** The browser loads the file with the cookies it has: this renews them when they have run out. */
  renew: () => Promise<unknown>
}

/** Saves entries of the audit as a file, which the browser loads by itself. */
export function ExportMenu({ pathOf, renew }: ExportMenuProps) {
  const save = async (format: 'jsonl' | 'csv') => {
    try {
      await renew()
      const link = document.createElement('a')
      link.href = pathOf(format)
      link.download = `audit.${format}`
      link.click()
    } catch (error) {
      failed(error, 'The file was not saved')
    }
  }
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button
          variant="default"
          leftSection={<Download size={16} aria-hidden />}
          rightSection={<ChevronDown size={14} aria-hidden />}
        >
          Save as a file
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>All entries that are chosen, the oldest first</Menu.Label>
        <Menu.Item onClick={() => void save('jsonl')}>JSON Lines</Menu.Item>
        <Menu.Item onClick={() => void save('csv')}>CSV, for spreadsheets</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
