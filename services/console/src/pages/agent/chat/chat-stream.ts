import { isAgents, problemOf } from '@nora/client/client'
import { readEvents, StreamSilent } from '@nora/client/events'
import { ApiProblem } from '@nora/client/problem'

export type Message = { role: 'user' | 'assistant'; content: string }

/** What the agent itself said went wrong: its own words and code. */
export class AgentRefusal extends Error {
  readonly code: string

  constructor(message: string, code: string) {
    super(message)
    this.code = code
  }
}

/** An agent may think long, but not say nothing for longer. */
const idleMs = 120_000

/** The text that an event of a chat adds, in the form of OpenAI's API; what is no JSON, or has none, adds nothing. */
export function textOf(event: string): string {
  const body = parsed(event)
  if (body?.error) throw refusalOf(body)
  const [choice] = body?.choices ?? []
  const text = choice?.delta?.content ?? choice?.message?.content
  return typeof text === 'string' ? text : ''
}

type ChatBody = {
  error?: { message?: unknown; code?: unknown } | string
  choices?: { delta?: { content?: unknown }; message?: { content?: unknown } }[]
}

function parsed(text: string): ChatBody | undefined {
  try {
    const body: unknown = JSON.parse(text)
    return typeof body === 'object' && body !== null ? (body as ChatBody) : undefined
  } catch {
    return undefined
  }
}

function refusalOf({ error }: ChatBody): AgentRefusal {
  const { message, code } = typeof error === 'object' ? error : { message: error, code: '' }
  return new AgentRefusal(
    typeof message === 'string' ? message : 'The agent answered with an error without words.',
    typeof code === 'string' ? code : '',
  )
}

/**
 * Reads the answer to a chat, calling `onText` with each piece of it. Raises ApiProblem for what Nora refused, AgentRefusal for
 * what the agent or its provider did, StreamSilent when it fell silent, and `signal`'s reason.
 */
export async function readChat(
  answer: Response,
  onText: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  if (!answer.ok && !isAgents(answer)) throw new ApiProblem(await problemOf(answer))
  if (!answer.ok) {
    const body = parsed((await answer.text()).slice(0, 100_000))
    throw body?.error
      ? refusalOf(body)
      : new AgentRefusal(`The agent answered with status ${answer.status}.`, '')
  }
  if (!answer.headers.get('content-type')?.includes('text/event-stream')) {
    onText(textOf(await answer.text()))
    return
  }
  for await (const event of readEvents(answer, { idleMs, signal })) {
    if (event === '[DONE]') return
    const text = textOf(event)
    if (text !== '') onText(text)
  }
}

/** What people are told of what an agent refused, by its code; the fix where there is one. */
export function refusalWords(error: unknown): string | undefined {
  if (error instanceof StreamSilent) return 'The agent said nothing for two minutes, so this was given up.'
  if (!(error instanceof AgentRefusal)) return undefined
  const fixes: Record<string, string> = {
    'no-provider-key': 'The agent holds no key of a model provider. Attach one on the Keys tab.',
    'provider-refused-key':
      'The provider did not accept the key. Replace it where it is stored, then deliver it.',
    'model-required': 'Say which model should answer: fill in the model above.',
    'provider-unreachable': 'The provider could not be reached from the agent. Try again in a moment.',
    'turn-timeout': 'The provider took too long, so the agent gave up.',
    stopping: 'The agent is being stopped. Try again when it runs.',
  }
  const fix = fixes[error.code]
  return fix ? `${fix} It said: ${error.message}` : error.message
}
