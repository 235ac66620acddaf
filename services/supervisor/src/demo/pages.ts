/**
 * Opens the console as a browser would: its page, and the script that the page names.
 * @param url where the api listens on this machine. Throws, with what is wrong, when either is not there.
 */
export async function openConsole(url: string, signal: AbortSignal): Promise<void> {
  const page = await (await get(`${url}/`, signal)).text()
  const script = /<script type="module"[^>]* src="([^"]+)"/.exec(page)?.[1]
  if (script === undefined) throw new Error(`${url}/ is not the console's page`)
  const answer = await get(new URL(script, url).href, signal)
  if (!/javascript/.test(answer.headers.get('content-type') ?? '')) throw new Error(`${script} is no script`)
}

async function get(url: string, signal: AbortSignal): Promise<Response> {
  const answer = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(60_000)]) })
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`)
  return answer
}
