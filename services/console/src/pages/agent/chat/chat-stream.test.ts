import { StreamSilent } from '@nora/client/events'
import { ApiProblem } from '@nora/client/problem'
import { expect, test } from 'vitest'
import { AgentRefusal, readChat, refusalWords, textOf } from './chat-stream.ts'

const never = new AbortController().signal
const agents = { 'x-nora-answer': 'agent' }
const read = async (answer: Response) => {
  let text = ''
  await readChat(
    answer,
    (piece) => {
      text += piece
    },
    never,
  )
  return text
}
const piece = (content: string) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`

test('a stream is read up to its end, and nothing after it', async () => {
  const body = `${piece('Hel')}: ping\n\ndata: {"choices":[{"delta":{"role":"assistant"}}]}\n\n${piece('lo')}data: [DONE]\n\n${piece('!')}`
  const headers = { ...agents, 'content-type': 'text/event-stream; charset=utf-8' }
  expect(await read(new Response(body, { headers }))).toBe('Hello')
})

test('an answer in one piece is read too', async () => {
  const body = JSON.stringify({ choices: [{ message: { content: 'Hi' } }] })
  const headers = { ...agents, 'content-type': 'application/json' }
  expect(await read(new Response(body, { headers }))).toBe('Hi')
  expect(textOf('no json')).toBe('')
  expect(textOf('null')).toBe('')
  expect(textOf('{"choices":[]}')).toBe('')
})

test('what Nora refuses is its problem, what the agent refuses is the agent’s', async () => {
  const problem = {
    type: 'x',
    title: 'The agent is not running',
    status: 409,
    code: 'agent-not-running',
    correlationId: 'c',
  }
  await expect(read(Response.json(problem, { status: 409 }))).rejects.toMatchObject({
    code: 'agent-not-running',
  })
  await expect(read(Response.json(problem, { status: 409 }))).rejects.toBeInstanceOf(ApiProblem)
  const refusal = { error: { message: 'no key', code: 'no-provider-key' } }
  const refused = await read(Response.json(refusal, { status: 503, headers: agents })).catch((error) => error)
  expect(refused).toBeInstanceOf(AgentRefusal)
  expect(refusalWords(refused)).toMatch(/Keys tab.*no key/)
  await expect(read(new Response('oops', { status: 500, headers: agents }))).rejects.toThrow('status 500')
})

test('an error in the middle of a stream ends it', async () => {
  const headers = { ...agents, 'content-type': 'text/event-stream' }
  const body = `${piece('a')}data: {"error":{"message":"the provider failed","code":"provider-failed"}}\n\n`
  const error = await read(new Response(body, { headers })).catch((problem) => problem)
  expect(refusalWords(error)).toBe('the provider failed')
  expect(refusalWords(new StreamSilent(''))).toMatch(/nothing for two minutes/)
  expect(refusalWords(new Error('other'))).toBeUndefined()
})
