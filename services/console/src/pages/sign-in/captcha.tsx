import { Alert, Button, Stack, Text } from '@mantine/core'
import { type RefObject, useEffect, useImperativeHandle, useRef, useState } from 'react'
import { recaptcha, turnstile } from './captcha-script.ts'
import type { CaptchaOptions } from './queries.ts'

/** `token` is undefined until the person has done what is asked of them; each is good once. */
export type CaptchaHandle = { token: () => Promise<string | undefined>; reset: () => void }
type Widget = CaptchaHandle & { remove: () => void }

const hosts = {
  turnstile: 'challenges.cloudflare.com',
  recaptcha: 'www.google.com',
  'recaptcha-v3': 'www.google.com',
}

/** The CAPTCHA that this server asks for. Nothing of it is loaded before it is shown. */
export function Captcha({
  options,
  handle,
}: {
  options: CaptchaOptions
  handle: RefObject<CaptchaHandle | null>
}) {
  const place = useRef<HTMLDivElement>(null)
  const widget = useRef<Widget>(undefined)
  const [failed, setFailed] = useState(false)
  const [attempt, setAttempt] = useState(0)
  useImperativeHandle(handle, () => ({
    token: async () => widget.current?.token(),
    reset: () => widget.current?.reset(),
  }))
  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt begins anew
  useEffect(() => {
    let gone = false
    // The policy of the page that came before does not let the provider in.
    if (loadedAt() !== window.location.pathname) return window.location.reload()
    const here = document.createElement('div')
    place.current?.append(here)
    setFailed(false)
    show(options, here).then(
      (shown) => {
        if (gone) shown.remove()
        else widget.current = shown
      },
      () => !gone && setFailed(true),
    )
    return () => {
      gone = true
      widget.current?.remove()
      widget.current = undefined
      here.remove()
    }
  }, [options, attempt])
  return (
    <Stack gap="xs">
      <div ref={place} />
      {failed && (
        <Alert role="alert" color="red" variant="light" title="A part of this page is missing">
          <Text size="sm" c="var(--mantine-color-text)">
            {`Signing up here needs a check from ${hosts[options.provider]}, which could not be loaded. A content blocker may be in the way.`}
          </Text>
          <Button size="compact-sm" variant="default" mt="xs" onClick={() => setAttempt(attempt + 1)}>
            Try again
          </Button>
        </Alert>
      )}
      {options.provider === 'recaptcha-v3' && (
        <Text size="xs" c="dimmed">
          Google’s reCAPTCHA checks this form for programs.
        </Text>
      )}
    </Stack>
  )
}

/** The path with which the browser asked the server for this page. */
const loadedAt = () =>
  new URL(performance.getEntriesByType('navigation')[0]?.name ?? window.location.href).pathname

async function show({ provider, siteKey, action }: CaptchaOptions, place: HTMLElement): Promise<Widget> {
  let token: string | undefined
  const callbacks = {
    callback: (solved: string) => {
      token = solved
    },
    'expired-callback': () => {
      token = undefined
    },
  }
  const solved = async () => token
  if (provider === 'turnstile') {
    const api = await turnstile()
    const id = api.render(place, { sitekey: siteKey, action, theme: 'auto', size: 'flexible', ...callbacks })
    const reset = () => {
      token = undefined
      api.reset(id)
    }
    return { token: solved, reset, remove: () => id !== undefined && api.remove(id) }
  }
  if (provider === 'recaptcha') {
    const api = await recaptcha('explicit')
    const id = api.render(place, { sitekey: siteKey, ...callbacks })
    const reset = () => {
      token = undefined
      api.reset(id)
    }
    return { token: solved, reset, remove: () => undefined }
  }
  const api = await recaptcha(siteKey)
  return { token: () => api.execute(siteKey, { action }), reset: () => undefined, remove: () => undefined }
}
