import { type IncomingMessage, request, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { away, connectTo, type EngineCall, readAll } from './engine.ts'
import { engineCallOf, judgeRequest } from './judge.ts'
import { Refusal } from './refusal.ts'
import type { Counts, ProxyDeps, Tell } from './server.ts'

const bodyMs = 10_000
const mostAnswer = 64 * 1024

/**
 * A call that wants the connection for itself, as a terminal does: its body is judged as any other, then bytes go both
 * ways as they come. Each side's end is passed on by itself, and so is its slowness.
 */
export async function hijack(
  deps: ProxyDeps,
  counts: Counts,
  tell: Tell,
  req: IncomingMessage,
  client: Duplex,
  head: Buffer,
): Promise<void> {
  const ending = new AbortController()
  client.on('error', () => client.destroy())
  client.once('close', () => ending.abort())
  try {
    if (head.length > 0) client.unshift(head)
    const { method = '', url = '' } = req
    const body = (most: number) => readBody(req, client, most)
    const verdict = await judgeRequest(deps.routes, { method, url, body, signal: ending.signal })
    if ('answer' in verdict || !/\/exec\/[0-9a-f]{64}\/start$/.test(verdict.path))
      throw new Refusal('this call keeps to its protocol')
    counts.allowed++
    const opened = await open(deps.engineSocket, engineCallOf(verdict, ending.signal))
    if ('answer' in opened) {
      const bytes = (await readAll(opened.answer, mostAnswer)) ?? Buffer.alloc(0)
      return client.end(rawAnswer(opened.answer.statusCode ?? 502, bytes)) as unknown as undefined
    }
    client.write(
      'HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n',
    )
    splice(client, opened.stream)
  } catch (error) {
    const refusal = tell(req, error)
    if (!refusal) client.destroy()
    else client.end(rawAnswer(refusal.status, Buffer.from(JSON.stringify({ message: refusal.message }))))
  }
}

/** So many bytes as the length says; what follows them is the stream's. */
function readBody(req: IncomingMessage, client: Duplex, most: number): Promise<Buffer> {
  const given = req.headers['content-length'] ?? '0'
  if (req.headers['transfer-encoding'] !== undefined || !/^\d{1,9}$/.test(given))
    throw new Refusal('a call that changes the protocol has a body of known length', 400)
  const length = Number(given)
  if (length > most) throw new Refusal('the body is too large', 413)
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const settle = (done: () => void) => {
      clearTimeout(timer)
      client.off('data', take)
      client.off('close', gone)
      client.off('end', gone)
      client.pause()
      done()
    }
    const gone = () => settle(() => reject(new Refusal('the body ended before its length', 400)))
    const take = (chunk: Buffer) => {
      size += chunk.length
      chunks.push(chunk)
      if (size < length) return
      settle(() => {
        const all = Buffer.concat(chunks)
        if (all.length > length) client.unshift(all.subarray(length))
        resolve(all.subarray(0, length))
      })
    }
    const timer = setTimeout(gone, bodyMs)
    if (length === 0) return settle(() => resolve(Buffer.alloc(0)))
    client.on('data', take)
    client.once('close', gone)
    client.once('end', gone)
  })
}

type Opened = { stream: Duplex } | { answer: IncomingMessage }

/** The engine's side of the connection, or its answer when it does not hand it over. */
function open(socketPath: string, { method, path, body, signal, deadlineMs }: EngineCall): Promise<Opened> {
  return new Promise((resolve, reject) => {
    const headers = {
      host: 'docker',
      connection: 'Upgrade',
      upgrade: 'tcp',
      'content-type': body?.type ?? 'application/json',
      'content-length': body?.bytes.length ?? 0,
    }
    const sent = request({ method, path, headers, signal, createConnection: () => connectTo(socketPath) })
    const timer = setTimeout(() => sent.destroy(away()), deadlineMs)
    const settle = (opened: Opened) => {
      clearTimeout(timer)
      resolve(opened)
    }
    sent.once('upgrade', (_answer, stream, first) => {
      if (first.length > 0) stream.unshift(first)
      settle({ stream })
    })
    sent.once('response', (answer) => settle({ answer }))
    sent.once('error', (error) => {
      clearTimeout(timer)
      reject(signal.aborted || error instanceof Refusal ? error : away())
    })
    sent.end(body?.bytes)
  })
}

/** Ends are passed on one way at a time; a break of one side breaks the other. */
function splice(client: Duplex, engine: Duplex): void {
  client.pipe(engine)
  engine.pipe(client)
  for (const [one, other] of [
    [client, engine],
    [engine, client],
  ] as const) {
    one.on('error', () => other.destroy())
    one.once('close', () => {
      // One that ended in order has passed its end on already.
      if (!one.readableEnded || !other.writableEnded) other.destroy()
    })
  }
}

function rawAnswer(status: number, body: Buffer): Buffer {
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`
  return Buffer.concat([Buffer.from(head), body])
}
