export type Shortcut = 'palette' | 'help'

/** A key that was pressed, and where: in a field (`typing`), in a terminal, below an open dialogue (`modal`). */
export type Pressed = {
  key: string
  /** Ctrl, or Cmd on a Mac. */
  mod: boolean
  other: boolean
  typing: boolean
  terminal: boolean
  modal: boolean
}

/**
 * What a key asks for. A terminal keeps its own keys (Ctrl+K cuts a line there), a field keeps what is typed into it, and while
 * a dialogue asks something nothing opens above it.
 */
export function shortcutOf({ key, mod, other, typing, terminal, modal }: Pressed): Shortcut | undefined {
  if (terminal || modal || other) return undefined
  if (mod) return key.toLowerCase() === 'k' ? 'palette' : undefined
  if (typing) return undefined
  return key === '/' ? 'palette' : key === '?' ? 'help' : undefined
}

/** The same of a browser's event. */
export function pressed(event: KeyboardEvent): Pressed {
  const at = event.target instanceof Element ? event.target : undefined
  return {
    key: event.key,
    mod: event.ctrlKey || event.metaKey,
    other: event.altKey || event.isComposing,
    typing: Boolean(at?.closest('input, textarea, select, [contenteditable="true"]')),
    terminal: Boolean(at?.closest('.xterm')),
    modal: document.querySelector('[aria-modal="true"]') !== null,
  }
}

/** What the key that goes with others for commands is called here. */
export const modName = (): string => (/Mac|iPhone|iPad/.test(navigator.userAgent) ? '⌘' : 'Ctrl')
