export type SecretShape = { name: string; pattern: RegExp }

/** Tokens that can be told by their own form, wherever they stand. None of the patterns can backtrack badly. */
export const secretShapes: readonly SecretShape[] = [
  { name: 'a Nora key', pattern: /\bnora_hub_[A-Za-z0-9]{10}_[A-Za-z0-9]{20,}/ },
  { name: 'an sk- key', pattern: /\b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}/ },
  { name: 'a Stripe-style key', pattern: /\b(?:sk|rk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,}/ },
  { name: 'a GitHub token', pattern: /\b(?:gh[oprsu]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})/ },
  { name: 'a GitLab token', pattern: /\bgl(?:pat|dt|rt|cbt)-[A-Za-z0-9_-]{20,}/ },
  { name: 'an AWS access key id', pattern: /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/ },
  { name: 'a Google API key', pattern: /\bAIza[A-Za-z0-9_-]{35}/ },
  { name: 'a Slack token', pattern: /\bxox[a-z]-[A-Za-z0-9-]{10,}/ },
  {
    name: 'a Groq, xAI, NVIDIA or Together key',
    pattern: /\b(?:gsk_|xai-|nvapi-|tgp_v1_)[A-Za-z0-9_-]{20,}/,
  },
  { name: 'a Hugging Face or Replicate token', pattern: /\b(?:hf|r8)_[A-Za-z0-9]{20,}/ },
  { name: 'a package registry token', pattern: /\b(?:npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{30,})/ },
  { name: 'a SendGrid key', pattern: /\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}/ },
  { name: 'a Telegram bot token', pattern: /\b\d{8,12}:AA[A-Za-z0-9_-]{32,}/ },
  { name: 'a JSON Web Token', pattern: /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/ },
  {
    name: 'a private key',
    pattern: /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----|AGE-SECRET-KEY-1[A-Z0-9]{20,}/,
  },
  {
    name: 'a password inside a URL',
    pattern: /\b[a-z][a-z0-9+.-]{1,30}:\/\/[^\s/:@]{0,200}:[^\s/@]{1,500}@/i,
  },
]

const secretName =
  /(?:^|_)(?:api_?key|access_?key|secret(?:_?key)?|auth_?token|token|password|passwd|passphrase|private_?key|credentials?|mnemonic|seed_?phrase)$/
const reference = /^(?:\/|\.{1,2}\/|file:|env:|\$\{?)/
const plainWord = /^(?:\d{1,12}|true|false|yes|no|on|off|none|null)$/i

/**
 * Why a value looks like a secret, or undefined: it has a known token's form, or it is at least 8 characters long
 * under a name that promises a secret and is neither a path or reference nor a plain word. `name` may be in any case.
 */
export function looksLikeSecret(name: string, value: string): string | undefined {
  const shape = secretShapes.find(({ pattern }) => pattern.test(value))
  if (shape) return `looks like ${shape.name}`
  const snake = name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .toLowerCase()
  const promised = secretName.test(snake) && value.length >= 8
  return promised && !reference.test(value) && !plainWord.test(value) ? 'has the name of a secret' : undefined
}
