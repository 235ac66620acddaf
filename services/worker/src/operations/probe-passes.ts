import type { Probe } from '@nora/runtimes/runtime'
import type { ProbeAnswer } from '../dataplane/dataplane.ts'

/** Whether the answer is a healthy one: 200 to 399, and every expected field in the JSON answered. */
export function probePasses(probe: Pick<Probe, 'expect'>, answer: ProbeAnswer): boolean {
  if ('error' in answer || answer.status < 200 || answer.status > 399) return false
  const expected = Object.entries(probe.expect)
  if (expected.length === 0) return true
  const body = parseObject(answer.body)
  return body !== undefined && expected.every(([name, value]) => body[name] === value)
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined // not JSON: an answer, but not a healthy one
  }
}
