import { Button, Menu } from '@mantine/core'
import { counted } from '@nora/ui/lib/words'
import { failed, said } from '@nora/ui/toasts'
import { Download } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { useWorkspace } from '../../../session.tsx'
import { logFileName, readWholeLog, saveFile, textOf } from './download-logs.ts'
import type { LogRow } from './log-buffer.ts'

/** Saves what is shown, or everything that is kept, as a file. */
export function LogDownload({ agent, rows }: { agent: { id: string; name: string }; rows: () => LogRow[] }) {
  const { api } = useWorkspace()
  const [lines, setLines] = useState<number>()
  const running = useRef<AbortController>(undefined)
  useEffect(() => () => running.current?.abort(), [])

  const saveShown = () =>
    saveFile(logFileName(agent.name), new Blob([textOf(rows(), true)], { type: 'text/plain;charset=utf-8' }))
  const saveAll = async () => {
    running.current = new AbortController()
    const { signal } = running.current
    setLines(0)
    try {
      saveFile(logFileName(agent.name), await readWholeLog(api, agent.id, { onProgress: setLines, signal }))
      said('The whole log is saved.')
    } catch (error) {
      if (!signal.aborted) failed(error, 'The log could not be saved')
    } finally {
      setLines(undefined)
    }
  }

  if (lines !== undefined)
    return (
      <Button size="xs" variant="default" onClick={() => running.current?.abort()} aria-live="polite">
        {counted(lines, 'line')} read. Cancel
      </Button>
    )
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button size="xs" variant="default" leftSection={<Download size={14} aria-hidden />}>
          Download
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={saveShown}>The lines that are loaded</Menu.Item>
        <Menu.Item onClick={() => void saveAll()}>Everything that is kept</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
