/** How long a caller may take, in milliseconds. */
export type EdgeTimes = {
  /** From the first byte of a request, or the connection's first moment, to the end of its headers. */
  headersMs: number
  /** For a body that is ours to read; one for an agent is read as it comes. */
  bodyMs: number
  /** For what is left of a body whose request is answered. */
  restMs: number
  /** Between two requests on one connection. */
  keepAliveMs: number
  /** Nothing moved, either way, while a request is open. */
  idleMs: number
  /** How often the first of these is looked at. */
  checkMs: number
}

export const edgeTimes: EdgeTimes = {
  headersMs: 15_000,
  bodyMs: 30_000,
  restMs: 10_000,
  keepAliveMs: 72_000,
  idleMs: 120_000,
  checkMs: 5_000,
}
