import { bytesOf, type Call, type Fields, textOf, under } from './call.ts'

export const get = (base: URL, path: string, headers: Record<string, string>): Call => ({
  url: under(base, path),
  method: 'GET',
  headers,
})
/** What a path is signed as: with whatever the base URL has before it. */
export const signedPath = (base: URL, path: string) => {
  const { pathname, search } = under(base, path)
  return `${pathname}${search}`
}
export const key = (fields: Fields) => textOf(fields, 'apiKey')
export const secret = (fields: Fields) => bytesOf(fields, 'apiSecret')
