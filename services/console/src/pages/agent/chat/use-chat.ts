import { ApiProblem, problemWithout } from '@nora/client/problem'
import { useCallback, useEffect, useRef, useState } from 'react'
import { api } from '../../../api.ts'
import { useWorkspace } from '../../../session.tsx'
import { type Message, readChat } from './chat-stream.ts'

/** A conversation with an agent. It stands in this page alone and is gone with it. */
export function useChat(agentId: string) {
  const { workspace } = useWorkspace()
  const [messages, setMessages] = useState<Message[]>([])
  /** What has come of the answer that is under way; undefined: none is. */
  const [coming, setComing] = useState<string>()
  const [error, setError] = useState<unknown>()
  const running = useRef<AbortController>(undefined)
  useEffect(() => () => running.current?.abort(), [])

  const ask = useCallback(
    async (asked: Message[], model: string) => {
      running.current?.abort()
      const turn = new AbortController()
      running.current = turn
      setMessages(asked)
      setError(undefined)
      setComing('')
      let text = ''
      let frame: number | undefined
      // Pieces come faster than anybody reads: one picture of them a frame.
      const show = () => {
        frame = undefined
        if (running.current === turn) setComing(text)
      }
      try {
        const body = { messages: asked, stream: true, ...(model !== '' && { model }) }
        const path = `/api/agents/${agentId}/invoke/v1/chat/completions`
        const answer = await api.open(workspace.id, path, body, turn.signal)
        await readChat(
          answer,
          (piece) => {
            text += piece
            frame ??= requestAnimationFrame(show)
          },
          turn.signal,
        )
      } catch (problem) {
        if (running.current === turn && !turn.signal.aborted)
          setError(problem instanceof TypeError ? new ApiProblem(problemWithout(0)) : problem)
      } finally {
        if (frame !== undefined) cancelAnimationFrame(frame)
        if (running.current === turn) {
          setComing(undefined)
          // What came before it was stopped or failed stays: the person has read it.
          if (text !== '') setMessages([...asked, { role: 'assistant', content: text }])
        }
      }
    },
    [agentId, workspace.id],
  )

  return {
    messages,
    coming,
    error,
    send: (text: string, model: string) => ask([...messages, { role: 'user', content: text }], model),
    /** Asks the last question anew. */
    again: (model: string) => {
      const last = messages.findLastIndex(({ role }) => role === 'user')
      return ask(messages.slice(0, last + 1), model)
    },
    stop: () => running.current?.abort(),
    clear: () => {
      running.current?.abort()
      running.current = undefined
      setMessages([])
      setComing(undefined)
      setError(undefined)
    },
  }
}
