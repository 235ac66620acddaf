import { setTimeout as delay } from 'node:timers/promises'
import type { ApiClient } from './client.ts'

type Say = (line: string) => void

/** Watches an agent until `state`, saying each change with its reason. Throws on `error` and after `deadlineMs`. */
export async function untilState(
  api: ApiClient,
  agentId: string,
  options: { state: string; deadlineMs: number; say: Say; signal: AbortSignal },
): Promise<void> {
  const deadline = Date.now() + options.deadlineMs
  let told = ''
  for (;;) {
    const { body } = await api.call('GET', `agents/${agentId}`, { expect: [200] })
    const [state, reason] = [String(body['state']), String(body['stateReason'] ?? '')]
    if (told !== `${state}: ${reason}`) {
      told = `${state}: ${reason}`
      options.say(told)
    }
    const busy = (body['operation'] as { finishedAt?: string } | null)?.finishedAt === null
    if (state === options.state && !busy) return
    if (state === 'error') throw new Error(`the agent ended in error: ${reason}`)
    if (Date.now() > deadline) throw new Error(`the agent is still ${told}`)
    await delay(400, undefined, { signal: options.signal })
  }
}

/** Asks the agent through the api and the gateway, streaming; hands on each piece and returns the whole answer. */
export async function ask(
  api: ApiClient,
  agentId: string,
  question: { model: string; text: string },
  onPiece: (piece: string) => void,
): Promise<string> {
  const response = await api.open('POST', `agents/${agentId}/invoke/v1/chat/completions`, {
    ...{ model: question.model, stream: true, messages: [{ role: 'user', content: question.text }] },
  })
  if (!response.ok || !response.body) {
    throw new Error(`the agent answered ${response.status}: ${(await response.text()).slice(0, 400)}`)
  }
  let answer = ''
  let rest = ''
  for await (const bytes of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + bytes).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const piece = pieceOf(line)
      answer += piece
      if (piece) onPiece(piece)
    }
  }
  return answer
}

/** The text in one server-sent event line (`data: {...}`); empty for everything else. */
function pieceOf(line: string): string {
  const data = /^data: ?(\{.*\})\s*$/.exec(line)?.[1]
  if (!data) return ''
  const chunk = JSON.parse(data) as { choices?: { delta?: { content?: string } }[] }
  return chunk.choices?.[0]?.delta?.content ?? ''
}

/** Deletes an agent and waits until it is gone. */
export async function removeAgent(api: ApiClient, agentId: string, signal: AbortSignal): Promise<void> {
  const asked = await api.call('DELETE', `agents/${agentId}`, { expect: [202, 404] })
  const deadline = Date.now() + 180_000
  while (asked.status !== 404) {
    const { status } = await api.call('GET', `agents/${agentId}`, { expect: [200, 404] })
    if (status === 404) return
    if (Date.now() > deadline) throw new Error(`agent ${agentId} is still being deleted`)
    await delay(400, undefined, { signal })
  }
}
