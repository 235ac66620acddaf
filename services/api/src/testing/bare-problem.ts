import { expect } from 'vitest'

/** Holds an answer to be a fault that says its code and its id, and nothing else. Gives the id. */
export function problemBody(answer: { status: number; text: string; headers: Headers }): {
  correlationId: string
} {
  expect(answer.status, answer.text).toBeGreaterThanOrEqual(500)
  expect(answer.headers.get('content-type')).toContain('application/problem+json')
  const body = JSON.parse(answer.text)
  expect(Object.keys(body).sort()).toEqual(['code', 'correlationId', 'status', 'title', 'type'])
  expect(body.status).toBe(answer.status)
  expect(body.type).toBe(`urn:nora:problem:${body.code}`)
  expect(answer.headers.get('x-correlation-id')).toBe(body.correlationId)
  return body
}
