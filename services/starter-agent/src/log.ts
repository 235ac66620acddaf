export type LogLevel = 'info' | 'warn' | 'error'
export type Log = (level: LogLevel, msg: string, fields?: Record<string, unknown>) => void

/**
 * Writes one JSON object a line. The control plane stores and streams lines as they come, so a line is the unit:
 * whatever is logged is one line, whatever it contains.
 */
export const jsonLog =
  (out: NodeJS.WritableStream): Log =>
  (level, msg, fields = {}) => {
    out.write(`${JSON.stringify({ time: new Date().toISOString(), level, msg, ...fields })}\n`)
  }
