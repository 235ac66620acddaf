import AjvCompiler from '@fastify/ajv-compiler'
import { problemTitles } from '@nora/contract/problem-titles'
import type { Document, Operation, Schema } from './operations.ts'
import type { FuzzAnswer } from './send.ts'

type Validate = ((value: unknown) => boolean) & { errors?: unknown }
export type Judge = (operation: Operation, answer: FuzzAnswer, hidden: Hidden) => string[]
/** What no answer may hold, and what no refusal may repeat. */
export type Hidden = { foreign: string | undefined; sent: string }

/**
 * Says what is wrong with an answer: a fault, a missing correlation id, an undeclared status or content type, a body that
 * is not what the document says, another tenant's marker, a refusal that repeats what was sent.
 */
export function judge(document: Document): Judge {
  const compile = AjvCompiler()({}, {
    customOptions: { strict: false, coerceTypes: false, useDefaults: false, removeAdditional: false },
  } as never) as unknown as (route: { schema: unknown }) => Validate
  const compiled = new Map<Schema, Validate>()
  const validatorOf = (schema: Schema): Validate => {
    const found = compiled.get(schema) ?? compile({ schema: { ...schema, components: document.components } })
    compiled.set(schema, found)
    return found
  }

  return ({ responses }, { status, headers, text }, hidden) => {
    const faults: string[] = []
    if (status >= 500) faults.push(`it is a fault: ${status}`)
    if (!/^[0-9a-f-]{36}$/.test(String(headers['x-correlation-id'])))
      faults.push('it has no X-Correlation-Id')
    if (hidden.foreign !== undefined && text.includes(hidden.foreign))
      faults.push('it holds what belongs to another tenant')
    if (status >= 400 && text.includes(hidden.sent)) faults.push('a refusal repeats what was sent')
    const declared = responses[status] ?? responses[`${String(status)[0]}XX`] ?? responses['default']
    if (!declared) return [...faults, `the status ${status} is not declared`]
    const type = headers['content-type']?.split(';')[0]
    if (status >= 400 && type !== 'application/problem+json') faults.push(`a refusal came as ${type}`)
    if (status === 204) return text === '' && type === undefined ? faults : [...faults, 'a 204 has a body']
    const schema = type === undefined ? undefined : declared[type]
    if (!schema && Object.keys(declared).length > 0)
      return [...faults, `its content type ${type} is not declared`]
    if (!schema || (!type?.endsWith('/json') && type !== 'application/problem+json')) return faults
    return [...faults, ...faultsOfBody(validatorOf(schema), status, text)]
  }
}

function faultsOfBody(validate: Validate, status: number, text: string): string[] {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return ['it is not JSON']
  }
  const faults = validate(body) ? [] : [`it is not what is declared: ${JSON.stringify(validate.errors)}`]
  if (status < 400) return faults
  const { code, status: told } = body as { code: string; status: number }
  if (!(code in problemTitles)) faults.push(`its code ${code} is not known`)
  if (told !== status) faults.push(`it says that its status is ${told}`)
  return faults
}
