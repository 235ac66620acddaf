const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const PREFIX = '/agents/'

// Visible ASCII without the backslash: what RFC 9112 allows in a request target, and no CR, LF, NUL or raw UTF-8.
const TARGET = /^[!-[\]-~]*$/

/** Decodes up to three times: some servers decode twice, and `%252e` is then `.`. Null when it still decodes to more. */
function decodeFully(path: string): string | null {
  let text = path
  for (let turn = 0; turn < 3; turn++) {
    let next: string
    try {
      next = decodeURIComponent(text)
    } catch {
      next = text.replace(/%([0-9a-f]{2})/gi, (_all, hex: string) =>
        String.fromCharCode(Number.parseInt(hex, 16)),
      )
    }
    if (next === text) return text
    text = next
  }
  return null
}

/**
 * Splits `/agents/<id>/<path>?<query>`. The path goes to the agent byte for byte, or not at all: null for a traversal in
 * any encoding, a backslash, a control character, `//host`, or an absolute-form target. `..;` counts as `..` since some
 * servers drop what follows the semicolon.
 */
export function parseTarget(target: string): { agentId: string; path: string } | null {
  if (!target.startsWith(PREFIX) || target.length > 16_384 || !TARGET.test(target) || target.includes('#')) {
    return null
  }
  const agentId = target.slice(PREFIX.length, PREFIX.length + 36)
  const rest = target.slice(PREFIX.length + 36)
  if (!UUID.test(agentId) || (rest !== '' && rest[0] !== '/' && rest[0] !== '?')) return null
  const path = rest.startsWith('/') ? rest : `/${rest}`
  return isPlainPath(path) ? { agentId, path } : null
}

/** Whether `/path?query` is one that can be passed to an agent as it is. */
export function isPlainPath(path: string): boolean {
  if (!path.startsWith('/') || path.startsWith('//') || !TARGET.test(path)) return false
  const decoded = decodeFully(path.split('?', 1)[0] ?? '')
  if (decoded === null || decoded.startsWith('//')) return false
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding control characters is the point
  if (/[\\\u0000-\u001f\u007f]/.test(decoded)) return false
  return !decoded.split('/').some((segment) => /^\.{1,2}(?:;|$)/.test(segment))
}
