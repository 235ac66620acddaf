const elsewhere = 'https://elsewhere.invalid'

/**
 * The path to go to after a sign-in, from what an address says: one of this server's own pages, else the start. What begins
 * with two slashes, or is read as if it did, leads to another server (CWE-601).
 */
export function ownPath(given: string | null | undefined): string {
  if (!given || !/^\/(?![/\\])[\x21-\x7e]*$/.test(given) || given.includes('\\')) return '/'
  const url = new URL(given, elsewhere)
  const path = url.pathname + url.search + url.hash
  // `/./` and `/x/..` may leave two slashes at the beginning.
  if (url.origin !== elsewhere || path.startsWith('//')) return '/'
  return /^\/(sign-in|sign-up|claim|api)(\/|$)/.test(url.pathname) ? '/' : path
}

/** Longer ones the api does not take along on the way to a sign-in provider. */
const longest = 500

/** Where a sign-in provider's round trip ends: here, to see whether a second factor is asked for, and then at `returnTo`. */
export function backFromProvider(returnTo: string): string {
  const back = `/sign-in?via=provider${returnTo === '/' ? '' : `&returnTo=${encodeURIComponent(returnTo)}`}`
  return back.length > longest ? '/sign-in?via=provider' : back
}
