/**
 * The console's origin, from what whoever served this page wrote into it (`pageMarks` of @nora/contract). Undefined where nobody
 * did, as in Vite's own server.
 */
export function consoleOrigin(written: string | undefined): string | undefined {
  if (written === undefined || !URL.canParse(written)) return undefined
  const { protocol, origin } = new URL(written)
  return protocol === 'https:' || protocol === 'http:' ? origin : undefined
}
