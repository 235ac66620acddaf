import type { IncomingMessage } from 'node:http'
import type { ProblemCode } from '@nora/contract/problem-titles'
import { DomainError } from '@nora/domain/errors'

/** The gateway marks its own answers and takes the mark from every agent's. */
export const isGatewayProblem = (answer: IncomingMessage) => answer.headers['x-nora-gateway'] === 'problem'

const codes: Record<string, ProblemCode> = {
  'agent-not-routed': 'agent-not-routed',
  'agent-unreachable': 'agent-unreachable',
  'agent-timeout': 'agent-timeout',
  'path-invalid': 'bad-request',
  'framing-invalid': 'bad-request',
  'body-too-large': 'payload-too-large',
}
const mostBytes = 16 * 1024

/**
 * What the gateway refused with, as our own error. A refused capability, and whatever we do not know, is a fault between
 * the two of us: the caller hears `unavailable`, the log the gateway's code; `onRefused` is called for a capability.
 */
export async function gatewayProblem(answer: IncomingMessage, onRefused: () => void): Promise<DomainError> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > mostBytes) break
    chunks.push(chunk)
  }
  const code = codeOf(Buffer.concat(chunks).toString('utf8'))
  if (code === 'capability-invalid') onRefused()
  const known = codes[code]
  return known
    ? new DomainError(known)
    : new DomainError('unavailable', {}, { cause: new Error(`the gateway refused: ${code}`) })
}

function codeOf(text: string): string {
  try {
    const { code } = JSON.parse(text) as { code?: unknown }
    return typeof code === 'string' ? code : 'no code'
  } catch {
    return 'not a problem document'
  }
}
