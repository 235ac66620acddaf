/** What the CAPTCHA that the operator chose needs, on the pages alone that ask for one: nobody is signed in there. */
const captchaSources = {
  turnstile: { script: ['https://challenges.cloudflare.com'], frame: ['https://challenges.cloudflare.com'] },
  recaptcha: {
    script: ['https://www.google.com/recaptcha/', 'https://www.gstatic.com/recaptcha/'],
    frame: ['https://www.google.com/recaptcha/', 'https://recaptcha.google.com/recaptcha/'],
  },
} as const

/** Whose widget a page loads. */
export type CaptchaWidget = keyof typeof captchaSources

/** The console's pages that ask for a CAPTCHA, where the operator set one. */
export const pagesWithCaptcha = ['/sign-up', '/claim'] as const

/** The other headers of a page, by their names on the wire: the same from the api and from infra/nginx. */
export const pageHeaders = {
  'cache-control': 'no-store',
  'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=(), usb=()',
} as const

/** What every answer carries, a page's included. The api gets these from its library; a test compares. */
export const answerHeaders = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-dns-prefetch-control': 'off',
  'x-download-options': 'noopen',
  'x-frame-options': 'DENY',
  'x-permitted-cross-domain-policies': 'none',
  'x-xss-protection': '0',
} as const

/** The policy of what is no page: nothing may be loaded, framed or sent. */
export const closedPolicy = "default-src 'none';frame-ancestors 'none';base-uri 'none';form-action 'none'"

/**
 * What stands in a built page for what whoever serves it fills in: the nonce of this answer, and in the admin app's the
 * console's origin, which may be another.
 */
export const pageMarks = { nonce: '__NONCE__', consoleOrigin: '__CONSOLE_ORIGIN__' } as const

/** How browsers are told to come back by https alone. */
export const strictTransport = 'max-age=31536000; includeSubDomains'

/** How long a hashed file may be kept, and any other. */
export const fileCaching = { forEver: 'public, max-age=31536000, immutable', other: 'no-cache' } as const

/**
 * The Content-Security-Policy of a page: our own files and nothing else, styles of libraries by the nonce of this answer alone.
 * A browser's sockets are named since older ones do not take 'self' for them. Source: W3C CSP Level 3.
 * @param origin of the app that the page is of, without a trailing slash.
 */
export function contentPolicy(origin: string, nonce: string, widget?: CaptchaWidget): string {
  const captcha = widget && captchaSources[widget]
  return [
    "default-src 'none'",
    ["script-src 'self'", ...(captcha?.script ?? [])].join(' '),
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self'",
    "font-src 'self'",
    `connect-src 'self' ${origin.replace(/^http/, 'ws')}`,
    ...(captcha ? [['frame-src', ...captcha.frame].join(' ')] : []),
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}
