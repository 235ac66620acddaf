export type Log = (level: 'info' | 'warn' | 'error', msg: string, fields?: Record<string, unknown>) => void

/** One JSON object a line. The gateway's image carries no logging library; nothing it logs comes from a request's content. */
export const jsonLog =
  (out: NodeJS.WritableStream): Log =>
  (level, msg, fields = {}) => {
    out.write(`${JSON.stringify({ time: new Date().toISOString(), level, msg, ...fields })}\n`)
  }
