import type { ApiSettings } from '../deps.ts'

/** What the CAPTCHA that the operator chose needs, on the pages alone that ask for one: nobody is signed in there. */
const captchaSources = {
  turnstile: { script: ['https://challenges.cloudflare.com'], frame: ['https://challenges.cloudflare.com'] },
  recaptcha: {
    script: ['https://www.google.com/recaptcha/', 'https://www.gstatic.com/recaptcha/'],
    frame: ['https://www.google.com/recaptcha/', 'https://recaptcha.google.com/recaptcha/'],
  },
} as const
const pagesWithCaptcha = new Set(['/sign-up', '/claim'])

/**
 * The Content-Security-Policy of a page: our own files and nothing else, styles of libraries by the nonce of this answer alone.
 * A browser's sockets are named since older ones do not take 'self' for them. Source: W3C CSP Level 3.
 */
export function pagePolicy(
  config: Pick<ApiSettings, 'publicUrl' | 'adminUrl' | 'botProtection'>,
  { app, path }: { app: 'console' | 'admin'; path: string },
  nonce: string,
): string {
  const origin = app === 'admin' ? (config.adminUrl ?? config.publicUrl) : config.publicUrl
  const provider =
    app === 'console' && pagesWithCaptcha.has(path) ? config.botProtection?.provider : undefined
  const captcha = provider && captchaSources[provider === 'turnstile' ? 'turnstile' : 'recaptcha']
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
