import type { ApiClient } from '@nora/supervisor/demo/client'
import WebSocket from 'ws'

/**
 * Opens a terminal of an agent over `/api/ws/exec`, as a program does. Rejects when the socket is not admitted.
 * @param ticket one that was made already; a fresh one otherwise.
 */
export async function openTerminal(api: ApiClient, agentId: string, { ticket }: { ticket?: string } = {}) {
  const fresh = async () => {
    const { body } = await api.call('POST', 'ws-tickets', { body: { kind: 'exec', agentId }, expect: [201] })
    return String(body['ticket'])
  }
  const used = ticket ?? (await fresh())
  const socket = new WebSocket(
    `${api.url.replace(/^http/, 'ws')}/api/ws/exec/${agentId}?cols=100&rows=30`,
    ['nora.v1', `ticket.${used}`],
    {
      headers: { authorization: `Bearer ${api.token()}` },
      perMessageDeflate: false,
      handshakeTimeout: 60_000,
    },
  )
  let said = ''
  let look = () => undefined as unknown
  const closed = new Promise<number>((resolve) => socket.once('close', resolve))
  socket.on('message', (data, isBinary) => {
    if (isBinary) said += String(data)
    look()
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  socket.on('error', () => socket.terminate())
  return {
    closed,
    type: (text: string) => socket.send(Buffer.from(text)),
    end: () => socket.terminate(),
    /** Waits until the terminal has said `text`; throws with all that it said after `deadlineMs`. */
    find: (text: string, deadlineMs: number) =>
      new Promise<void>((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`no “${text}” in ${JSON.stringify(said)}`)),
          deadlineMs,
        )
        look = () => {
          if (!said.includes(text)) return
          clearTimeout(timer)
          resolve()
        }
        look()
      }),
  }
}
