/** What kept a browser from making or using a passkey, in words for the person in front of it. */
export class PasskeyError extends Error {
  constructor(words: string, options?: ErrorOptions) {
    super(words, options)
    this.name = 'PasskeyError'
  }
}

/** The browser's own errors (WebAuthn Level 3, 5.1.3 and 5.1.4) in such words. */
export function passkeyErrorOf(error: unknown): PasskeyError {
  const name = error instanceof Error ? error.name : ''
  return new PasskeyError(words[name] ?? 'The browser could not use a passkey here.', { cause: error })
}

const words: Record<string, string> = {
  NotAllowedError:
    'No passkey was used: it was cancelled, took too long, or this device has none for this site. Try again.',
  AbortError: 'It was cancelled. Try again.',
  InvalidStateError: 'This device has a passkey of this account already.',
  NotSupportedError: 'This device cannot make a passkey of a kind that the server takes.',
  ConstraintError: 'This device cannot check that it is you: it needs a PIN, a fingerprint or a face.',
  SecurityError:
    'Passkeys belong to the address that the server is set up with, and this page is at another one.',
}
