import type { ChatError } from './errors.ts'
import type { Key, KeyRing } from './keys.ts'

export type ChatBody = { model?: unknown; provider?: unknown; stream?: unknown; [field: string]: unknown }
export type Choice = { key: Key; model: string; url: URL }

const refuse = (status: number, code: string, message: string): { error: ChatError } => ({
  error: { status, code, message },
})

/**
 * Which key answers a turn. `provider` in the body (a key's id, its label, or its provider's name, in that order)
 * chooses; without it, the first key that can chat. `model` is the body's, else the key's own default model.
 */
export function chooseKey(ring: KeyRing, body: ChatBody): Choice | { error: ChatError } {
  // An exchange's key has both too, and must never be sent for chat.
  const usable = ring.keys.filter((key) => key.kind === 'llm' && key.apiKey !== null && key.baseUrl !== null)
  if (usable.length === 0) {
    return refuse(
      503,
      'no-provider-key',
      ring.keys.length === 0
        ? 'This agent has no provider key. Attach a provider key to the agent and run "sync keys".'
        : 'None of this agent\'s keys can chat: a key needs an API key and a base URL. Set the base URL on the key and run "sync keys".',
    )
  }
  const wanted = body.provider
  if (wanted !== undefined && typeof wanted !== 'string') {
    return refuse(400, 'provider-invalid', '"provider" must be text: a key\'s id, label or provider name.')
  }
  const key =
    wanted === undefined
      ? usable[0]
      : (usable.find((k) => k.id === wanted) ??
        usable.find((k) => k.label === wanted) ??
        usable.find((k) => k.provider === wanted))
  if (!key) {
    const known = usable.map((k) => k.label || k.provider).join(', ')
    return refuse(400, 'provider-unknown', `No synced key answers to this "provider". Synced keys: ${known}.`)
  }
  const model = body.model ?? key.model
  if (typeof model !== 'string' || model === '' || model.length > 256) {
    return refuse(400, 'model-required', 'Give "model", the name of a model of the provider.')
  }
  const url = chatUrl(key.baseUrl ?? '')
  if (!url) {
    return refuse(
      503,
      'base-url-invalid',
      `The base URL of key "${key.label}" is not an http(s) URL. Correct it and sync keys.`,
    )
  }
  return { key, model, url }
}

/** `<baseUrl>/chat/completions`, keeping a query that the base URL brings (Azure's api-version). */
function chatUrl(baseUrl: string): URL | null {
  if (!URL.canParse(baseUrl)) return null
  const url = new URL(baseUrl)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return null
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/chat/completions`
  url.hash = ''
  return url
}
