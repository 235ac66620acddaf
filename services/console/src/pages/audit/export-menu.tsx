import { Button, Menu } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { failed } from '@nora/ui/toasts'
import { ChevronDown, Download } from 'lucide-react'
import { api } from '../../api.ts'
import { useWorkspace } from '../../session.tsx'
import { type AuditFilter, exportPath } from './audit-filter.ts'

/** Saves what the filter lets through as a file, which the browser loads by itself. */
export function ExportMenu({ filter }: { filter: AuditFilter }) {
  const { workspace } = useWorkspace()
  const save = async (format: 'jsonl' | 'csv') => {
    try {
      // The browser loads the file with the cookies it has: this renews them when they have run out.
      await unwrap(api.call.GET('/api/auth/me'))
      const link = document.createElement('a')
      link.href = exportPath(workspace.id, filter, format)
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
