/** What the providers' scripts put on the page, as far as it is used here. */
type Turnstile = {
  render: (place: HTMLElement, options: Record<string, unknown>) => string | undefined
  reset: (id?: string) => void
  remove: (id: string) => void
}
type Recaptcha = {
  ready: (run: () => void) => void
  render: (place: HTMLElement, options: Record<string, unknown>) => number
  reset: (id?: number) => void
  execute: (siteKey: string, options: { action: string }) => Promise<string>
}
declare global {
  interface Window {
    turnstile?: Turnstile
    grecaptcha?: Recaptcha
  }
}

const loading = new Map<string, Promise<void>>()

/** Loads a provider's script, once. The page's policy allows it where the operator chose that provider, and nowhere else. */
function load(address: string): Promise<void> {
  const known = loading.get(address)
  if (known) return known
  const promise = new Promise<void>((resolve, reject) => {
    const script = document.createElement('script')
    script.src = address
    script.async = true
    script.onload = () => resolve()
    script.onerror = () => {
      loading.delete(address)
      script.remove()
      reject(new Error(`${new URL(address).host} could not be loaded`))
    }
    document.head.append(script)
  })
  loading.set(address, promise)
  return promise
}

/** Source: developers.cloudflare.com/turnstile/get-started/client-side-rendering. */
export async function turnstile(): Promise<Turnstile> {
  await load('https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit')
  if (!window.turnstile) throw new Error('the script of Turnstile did nothing')
  return window.turnstile
}

/** @param render `explicit`, or the site key of a version 3. Source: developers.google.com/recaptcha/docs/display, /v3. */
export async function recaptcha(render: string): Promise<Recaptcha> {
  await load(`https://www.google.com/recaptcha/api.js?render=${encodeURIComponent(render)}`)
  const { grecaptcha } = window
  if (!grecaptcha) throw new Error('the script of reCAPTCHA did nothing')
  await new Promise<void>((resolve) => grecaptcha.ready(resolve))
  return grecaptcha
}
