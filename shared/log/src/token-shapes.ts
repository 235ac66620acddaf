// Where a token may begin: not in the middle of a word, but after an escape as logs carry them (`\n`, `%3D`, the
// end of a colour sequence), because there the letter before belongs to the escape.
const EDGE =
  /(?:(?<![A-Za-z0-9])|(?<=\\[abfnrtv0])|(?<=\\u[0-9A-Fa-f]{4})|(?<=%[0-9A-Fa-f]{2})|(?<=\[[0-9;]{0,12}m))/
    .source

const SHAPES = [
  'nora_hub_[A-Za-z0-9_]{6,}', // our Agent Hub keys
  'nora_invite_[A-Za-z0-9_-]{20,}', // invitations to a workspace
  'nsk1\\.[0-9]{1,10}\\.[A-Za-z0-9_-]{8,}(?:\\.[A-Za-z0-9_-]*)?', // NORA_SEAL_KEY
  'v1\\.eyJ[A-Za-z0-9_-]{8,}(?:\\.[A-Za-z0-9_-]*)?', // our capabilities
  'eyJ[A-Za-z0-9_-]{8,}(?:\\.[A-Za-z0-9_-]*){1,4}', // JWT and JWE
  'ticket\\.[A-Za-z0-9_-]{22,}', // the subprotocol that admits a WebSocket
  'sk-[A-Za-z0-9_-]{8,}', // OpenAI, Anthropic, OpenRouter, DeepSeek
  '(?:sk|rk|pk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,}', // Stripe
  'gh[a-z]_[A-Za-z0-9]{8,}', // GitHub
  'github_pat_[A-Za-z0-9_]{8,}',
  'glpat-[A-Za-z0-9_-]{12,}', // GitLab
  '(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,}', // AWS
  'xox[a-z]-[A-Za-z0-9-]{6,}', // Slack
  'xapp-[A-Za-z0-9-]{8,}',
  'AIza[A-Za-z0-9_-]{16,}', // Google
  'ya29\\.[A-Za-z0-9_-]{16,}',
  '(?:hf|gsk|npm|r8|pypi|lin_api|xai|pplx|tvly|nvapi)[-_][A-Za-z0-9_-]{16,}', // other providers and registries
  'SG\\.[A-Za-z0-9_-]{16,}\\.[A-Za-z0-9_-]{16,}', // SendGrid
  '[0-9]{8,10}:AA[A-Za-z0-9_-]{30,}', // Telegram
]

/** Tokens whose shape is known, ours and others'. For `replace` and `matchAll`; linear, as every pattern here. */
export const TOKENS = new RegExp(`${EDGE}(?:${SHAPES.join('|')})`, 'g')
