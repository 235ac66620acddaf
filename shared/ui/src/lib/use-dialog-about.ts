import { useCallback, useEffect, useState } from 'react'

type About<T> = {
  /** What the dialogue is about, or was last: it stays while the dialogue closes. */
  what: T | undefined
  opened: boolean
  open: (what: T) => void
  close: () => void
}

/**
 * A dialogue about one of many things. It is there before it opens, and stays when it has closed: only then does it know where
 * the focus was, and gives it back.
 */
export function useDialogAbout<T>(): About<T> {
  const [what, setWhat] = useState<T>()
  const [wanted, setWanted] = useState(false)
  const [opened, setOpened] = useState(false)
  useEffect(() => setOpened(wanted), [wanted])
  const open = useCallback((next: T) => {
    setWhat(() => next)
    setWanted(true)
  }, [])
  const close = useCallback(() => {
    setOpened(false)
    setWanted(false)
  }, [])
  return { what, opened, open, close }
}
