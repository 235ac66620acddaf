const maxDepth = 32

/**
 * Why a JSON value cannot be stored, or undefined: Postgres takes neither U+0000 nor half a surrogate pair in text or
 * jsonb, and what is nested deeper than 32 levels is no configuration. `path` is a JSON pointer to the place; keys that
 * are themselves at fault are not repeated in it. Walks without recursion, so that no input can exhaust the stack.
 */
export function storageProblem(value: unknown): { path: string; message: string } | undefined {
  const open: { value: unknown; path: string; depth: number }[] = [{ value, path: '', depth: 0 }]
  for (let next = open.pop(); next; next = open.pop()) {
    const { value: at, path, depth } = next
    if (typeof at === 'string' && !isStorable(at)) {
      return { path, message: 'holds a character that cannot be stored' }
    }
    if (typeof at !== 'object' || at === null) continue
    if (depth >= maxDepth) return { path: '', message: 'is nested too deeply' }
    for (const [key, inner] of Object.entries(at)) {
      if (!isStorable(key)) return { path, message: 'has a name that cannot be stored' }
      open.push({ value: inner, path: `${path}/${pointer(key)}`, depth: depth + 1 })
    }
  }
  return undefined
}

const isStorable = (text: string) => text.isWellFormed() && !text.includes('\u0000')
const pointer = (key: string) => key.replaceAll('~', '~0').replaceAll('/', '~1')
