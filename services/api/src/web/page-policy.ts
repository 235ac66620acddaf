import { contentPolicy, pagesWithCaptcha } from '@nora/contract/page-policy'
import type { ApiSettings } from '../deps.ts'

const asking: ReadonlySet<string> = new Set(pagesWithCaptcha)

/** The Content-Security-Policy of the page at a path of an app. */
export function pagePolicy(
  config: Pick<ApiSettings, 'publicUrl' | 'adminUrl' | 'botProtection'>,
  { app, path }: { app: 'console' | 'admin'; path: string },
  nonce: string,
): string {
  if (app === 'admin') return contentPolicy(config.adminUrl ?? config.publicUrl, nonce)
  const provider = asking.has(path) ? config.botProtection?.provider : undefined
  return contentPolicy(
    config.publicUrl,
    nonce,
    provider && (provider === 'turnstile' ? 'turnstile' : 'recaptcha'),
  )
}
