/** Where an invitation's link leads. */
export const invitationPath = '/invitation'

/** The link of an invitation. The token stands behind the `#`: browsers send that part to no server. */
export const invitationLink = (origin: string, token: string): string =>
  `${origin}${invitationPath}#token=${encodeURIComponent(token)}`

/** The token in an address's fragment, or undefined. */
export function tokenOf(hash: string): string | undefined {
  const token = new URLSearchParams(hash.replace(/^#/, '')).get('token')?.trim()
  return token ? token : undefined
}

// In the memory of this page alone, so that it lasts through a sign-in here and not a moment longer than the tab.
let held: string | undefined

/**
 * Takes an invitation's token out of the address, before anything of the app has seen it, and keeps it in memory. Gives
 * whether there was one. The entry in the tab's history loses it too.
 */
export function catchInvitation(): boolean {
  const { pathname, search, hash } = window.location
  const token = pathname === invitationPath ? tokenOf(hash) : undefined
  if (token === undefined) return false
  held = token
  window.history.replaceState(window.history.state, '', pathname + search)
  return true
}

/** The token that was taken from the address, if any. */
export const heldInvitation = (): string | undefined => held

/** After it was used, or was found to be of no use. */
export function forgetInvitation(): void {
  held = undefined
}
