import { ActionIcon, Button, Kbd } from '@mantine/core'
import { Search } from 'lucide-react'
import { lazy, Suspense, useEffect, useState } from 'react'
import { modName, pressed, type Shortcut, shortcutOf } from './shortcuts.ts'

const Palette = lazy(async () => ({ default: (await import('./palette.tsx')).Palette }))

/** Opens the palette of pages, agents and actions, by a button and by keys. What it is made of is loaded when it first opens. */
export function SearchButton({ workspaceId }: { workspaceId: string | undefined }) {
  // Each time anew, so that the same thing can be asked for again.
  const [asked, setAsked] = useState<{ what: Shortcut }>()
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const what = event.defaultPrevented ? undefined : shortcutOf(pressed(event))
      if (!what) return
      event.preventDefault()
      setAsked({ what })
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [])
  const open = () => setAsked({ what: 'palette' })
  return (
    <>
      <Button
        visibleFrom="sm"
        variant="default"
        size="sm"
        fw={400}
        leftSection={<Search size={16} aria-hidden />}
        rightSection={<Kbd size="xs">{modName()} K</Kbd>}
        aria-keyshortcuts="Control+K Meta+K /"
        onClick={open}
      >
        Search
      </Button>
      <ActionIcon hiddenFrom="sm" variant="subtle" color="gray" size="lg" aria-label="Search" onClick={open}>
        <Search size={20} aria-hidden />
      </ActionIcon>
      {asked && (
        <Suspense fallback={null}>
          <Palette asked={asked} workspaceId={workspaceId} onHelp={() => setAsked({ what: 'help' })} />
        </Suspense>
      )}
    </>
  )
}
