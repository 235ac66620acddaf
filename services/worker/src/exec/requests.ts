import type { ExecRequest } from '@nora/contract/streams'
import type { TerminalSize } from '../backends/backend.ts'

const mostChars = 200
const mostCells = 1_000
const wholeNumber = /^\d{1,4}$/

/** A resize as a client asks for it; undefined for every other text. */
export function resizeOf(text: string): TerminalSize | undefined {
  if (text.length > mostChars) return undefined
  let asked: unknown
  try {
    asked = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof asked !== 'object' || asked === null || !('type' in asked) || asked.type !== 'resize')
    return undefined
  const { cols, rows } = asked as Partial<Record<keyof ExecRequest, unknown>>
  return isCells(cols) && isCells(rows) ? { cols, rows } : undefined
}

const isCells = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) >= 1 && Number(value) <= mostCells

/** `?cols=&rows=` of a request; what is no size counts as not said. */
export function sizeOf(query: URLSearchParams): TerminalSize {
  const number = (name: string, usual: number) => {
    const text = query.get(name) ?? ''
    const value = wholeNumber.test(text) ? Number(text) : 0
    return isCells(value) ? value : usual
  }
  return { cols: number('cols', 80), rows: number('rows', 24) }
}
