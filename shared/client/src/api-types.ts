import type { paths } from './schema.ts'

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'
type Content<T> = T extends { content: { 'application/json': infer C } } ? C : never
type Responses<T> = T extends { responses: infer R } ? R : never

/** The body that a call answers with: `Answered<'/api/agents', 'get'>`. */
export type Answered<P extends keyof paths, M extends Method> = {
  [S in keyof Responses<paths[P][M]>]: S extends 200 | 201 | 202 ? Content<Responses<paths[P][M]>[S]> : never
}[keyof Responses<paths[P][M]>]

/** The body that a call takes: `Taken<'/api/agents', 'post'>`. */
export type Taken<P extends keyof paths, M extends Method> = paths[P][M] extends {
  requestBody?: { content: { 'application/json': infer C } }
}
  ? C
  : never

/** One item of a list: `Item<'/api/agents'>`. */
export type Item<P extends keyof paths> = Answered<P, 'get'> extends { items: (infer I)[] } ? I : never
