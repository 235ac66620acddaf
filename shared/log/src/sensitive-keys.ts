/** What stands where a secret stood. */
export const REDACTED = '[redacted]'

// Found anywhere in a name, once case and separators are gone: `x-api-key`, `OPENAI_API_KEY` and `apiKeyValue` are
// one name. Better one field too many than one too few; what people miss they can log under another name.
const WORDS = [
  'password',
  'passwd',
  'passphrase',
  'passcode',
  'secret',
  'token',
  'apikey',
  'privatekey',
  'secretkey',
  'accesskey',
  'signingkey',
  'encryptionkey',
  'masterkey',
  'sealkey',
  'envelopekey',
  'walletkey',
  'authorization',
  'cookie',
  'credential',
  'mnemonic',
  'seedphrase',
  'recoveryphrase',
  'recoverycode',
  'bearer',
  'noracapability',
  'connectionstring',
]
// The whole name, because inside others they are ordinary words.
const WHOLE = new Set(
  (
    'pwd pass psk pepper jwt auth otp totp pin cvv seed pem plaintext capability privkey ' +
    'hubkey sealed keymaterial sessionsecret proof assertion ' +
    // Our own: a session secret in an access token, a WebSocket's ticket, the session's cookies.
    'sec ticket noraat norart hostnoraat hostnorart'
  ).split(' '),
)
// A variable of an environment: `MISTRAL_KEY`.
const ENVIRONMENT_KEY = /^[A-Z][A-Z0-9_]*_KEY$/
// Facts about a secret, as `secretVersion` or `tokenExpiresAt`: shown if the value cannot be a secret itself.
const FACT =
  /(?:id|ids|version|count|limit|bytes|length|size|at|until|expiry|expires|ttl|age|tokens|used|max|min)$/
const HARMLESS_TEXT =
  /^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\d(?:T[\d:.]{5,12}(?:Z|[+-]\d\d:?\d\d)?)?)$/i

const names = new Map<string, boolean>()

/** True when a field of this name holds a secret. Case and separators do not matter. */
export function isSensitiveName(name: string): boolean {
  let known = names.get(name)
  if (known === undefined) {
    known = decide(name)
    // A cache only: names from outside must not let it grow without end.
    if (names.size > 5000) names.clear()
    if (name.length < 64) names.set(name, known)
  }
  return known
}

/**
 * True when this value may be shown under a sensitive name: nothing there, yes or no, or a number, UUID or date
 * that the name declares to be a fact about the secret (`secretVersion: 3`).
 */
export function isFactAbout(name: string, value: unknown): boolean {
  if (value === null || value === undefined || typeof value === 'boolean') return true
  if (!FACT.test(normal(name))) return false
  return typeof value === 'number' || (typeof value === 'string' && HARMLESS_TEXT.test(value))
}

function decide(name: string): boolean {
  const plain = normal(name)
  return WHOLE.has(plain) || ENVIRONMENT_KEY.test(name) || WORDS.some((word) => plain.includes(word))
}

const normal = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, '')
