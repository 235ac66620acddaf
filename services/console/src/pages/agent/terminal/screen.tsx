import '@xterm/xterm/css/xterm.css'
import { FitAddon } from '@xterm/addon-fit'
import { Terminal } from '@xterm/xterm'
import { useEffect, useRef } from 'react'
import { connectTerminal, type TerminalConnection, type TerminalState } from './connect.ts'
import classes from './terminal.module.css'

type ScreenProps = {
  label: string
  agentId: string
  ticket: () => Promise<string>
  session: { get: () => string | undefined; set: (id: string | undefined) => void }
  readAloud: boolean
  onState: (state: TerminalState) => void
  /** Gives the connection to whoever shows buttons for it. */
  onConnection: (connection: TerminalConnection | undefined) => void
  /** The key that leaves the terminal was pressed: Tab belongs to the shell. */
  onLeave: () => void
}

const most = (cells: number) => Math.min(1_000, Math.max(1, cells))

/** The screen of a terminal. What the shell prints are commands to this screen alone: links, titles and the clipboard are not its to set. */
export function Screen(props: ScreenProps) {
  const box = useRef<HTMLDivElement>(null)
  const latest = useRef(props)
  latest.current = props
  const terminal = useRef<Terminal>(undefined)
  useEffect(() => {
    const element = box.current
    if (!element) return
    const { agentId, session, readAloud } = latest.current
    const screen = new Terminal({
      fontFamily: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace',
      fontSize: 13,
      cursorBlink: !window.matchMedia('(prefers-reduced-motion: reduce)').matches,
      scrollback: 5_000,
      minimumContrastRatio: 4.5,
      screenReaderMode: readAloud,
      linkHandler: { activate: () => undefined },
      theme: {
        background: '#0f1318',
        foreground: '#dbe1e8',
        cursor: '#dbe1e8',
        selectionBackground: '#3b4cca',
      },
    })
    const fit = new FitAddon()
    screen.loadAddon(fit)
    screen.open(element)
    fit.fit()
    terminal.current = screen
    screen.textarea?.setAttribute('aria-label', latest.current.label)
    screen.attachCustomKeyEventHandler((event) => {
      if (event.key !== 'F6') return true
      if (event.type === 'keydown') latest.current.onLeave()
      event.preventDefault()
      return false
    })
    const connection = connectTerminal({
      agentId,
      session,
      ticket: () => latest.current.ticket(),
      onState: (state) => {
        latest.current.onState(state)
        if (state.kind === 'open') screen.focus()
      },
      screen: {
        size: () => ({ cols: most(screen.cols), rows: most(screen.rows) }),
        write: (bytes, shown) => screen.write(bytes, shown),
        reset: () => screen.reset(),
      },
    })
    latest.current.onConnection(connection)
    const encoder = new TextEncoder()
    screen.onData((text) => connection.type(encoder.encode(text)))
    screen.onBinary((text) => connection.type(Uint8Array.from(text, (character) => character.charCodeAt(0))))
    screen.onResize(() => connection.resize())
    const watching = new ResizeObserver(() => fit.fit())
    watching.observe(element)
    return () => {
      watching.disconnect()
      connection.leave()
      latest.current.onConnection(undefined)
      terminal.current = undefined
      screen.dispose()
    }
  }, [])
  useEffect(() => {
    if (terminal.current) terminal.current.options.screenReaderMode = props.readAloud
  }, [props.readAloud])
  return <div ref={box} className={classes['screen']} />
}
