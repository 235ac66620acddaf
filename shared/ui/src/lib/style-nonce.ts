/**
 * The nonce of this answer of the server: the policy lets styles in by it and by nothing else. Empty while a page is
 * developed, where there is no such policy.
 */
export const styleNonce: string =
  // The property: browsers hide the attribute from scripts and styles of a page that has such a policy.
  document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? ''

/** For libraries that make `<style>` elements and take no nonce: every such element made from now on carries it. */
export function markStyles(): void {
  if (styleNonce === '') return
  const make = document.createElement.bind(document)
  document.createElement = ((name: string, options?: ElementCreationOptions) => {
    const element = make(name, options)
    if (name.toLowerCase() === 'style') element.nonce = styleNonce
    return element
  }) as typeof document.createElement
}
