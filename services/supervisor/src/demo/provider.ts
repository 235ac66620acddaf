import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import { engineCall } from '@nora/embedded/engine-call'

export type StandInProvider = {
  /** What the provider key's baseUrl says. */
  baseUrl: string
  /** host:port, as NORA_PROVIDER_ALLOW_HOSTS takes it. */
  host: string
  /** How many requests came with the right key, and with another. */
  counts: { accepted: number; refused: number }
  /** From now on this key opens it, and no other. */
  take(apiKey: string): void
  close(): Promise<void>
}

/**
 * A local stand-in for a provider: OpenAI-compatible chat completions with streaming, for one key. It listens on the
 * host's end of Docker's default bridge, an address that agents reach and other machines do not.
 */
export async function startProvider(apiKey: string, engineSocket: string): Promise<StandInProvider> {
  const counts = { accepted: 0, refused: 0 }
  const address = await bridgeAddress(engineSocket)
  let taken = apiKey
  const server = createServer((request, response) => {
    answer(request, response, taken, counts).catch(() => response.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, address, resolve)
  })
  const bound = server.address()
  const port = typeof bound === 'object' && bound ? bound.port : 0
  return {
    ...{ baseUrl: `http://${address}:${port}/v1`, host: `${address}:${port}`, counts },
    take: (other) => {
      taken = other
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Says which key came, without saying the key: the demo compares it with the one it stored. */
export const proofOf = (apiKey: string): string =>
  createHash('sha256').update(apiKey).digest('hex').slice(0, 12)

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  apiKey: string,
  counts: StandInProvider['counts'],
): Promise<void> {
  let text = ''
  for await (const piece of request) text += piece
  const given = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
  if (request.method !== 'POST' || request.url !== '/v1/chat/completions') {
    return json(response, 404, { error: { message: 'not found' } })
  }
  if (!sameText(given, apiKey)) {
    counts.refused++
    return json(response, 401, { error: { message: 'wrong key' } })
  }
  counts.accepted++
  const asked = JSON.parse(text) as { stream?: boolean; messages?: { content?: unknown }[] }
  const question = String(asked.messages?.at(-1)?.content ?? '')
  const words = `You asked: "${question}" The key that was synced to me opens this provider (proof ${proofOf(given)}).`
  if (!asked.stream) {
    return json(response, 200, { choices: [{ index: 0, message: { role: 'assistant', content: words } }] })
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const word of words.split(/(?<= )/)) {
    const choice = { index: 0, delta: { content: word }, finish_reason: null }
    response.write(`data: ${JSON.stringify({ object: 'chat.completion.chunk', choices: [choice] })}\n\n`)
  }
  response.end('data: [DONE]\n\n')
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

function sameText(left: string, right: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(left), digest(right))
}

/**
 * The host's own address on the default bridge. The interface is down while no container is on it, and the system's
 * list leaves such interfaces out, so the engine is asked: its answer has the gateway, or only the subnet.
 */
async function bridgeAddress(engineSocket: string): Promise<string> {
  const path = '/networks/bridge'
  const answer = await engineCall({ socketPath: engineSocket, method: 'GET', path, timeoutMs: 60_000 })
  const network = answer?.body as { IPAM?: { Config?: { Gateway?: string; Subnet?: string }[] } } | undefined
  const [config] = network?.IPAM?.Config ?? []
  const first = config?.Subnet?.replace(/\.0\/\d+$/, '.1')
  const address = config?.Gateway ?? first
  if (address && isIP(address) === 4) return address
  throw new Error("Docker's default bridge is not there: give a real key with NORA_DEMO_API_KEY instead")
}
