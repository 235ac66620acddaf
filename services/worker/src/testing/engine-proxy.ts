import { rm } from 'node:fs/promises'
import { createConnection, createServer, type Server, type Socket } from 'node:net'

export type EngineProxy = {
  /** For NORA_DOCKER_HOST. */
  host: string
  /** The engine is gone: its socket does not exist, and open connections break. */
  cut(): Promise<void>
  /** The engine hangs: it takes connections and never answers. */
  hang(): void
  /** The engine answers again. */
  mend(): Promise<void>
  close(): Promise<void>
}

/** A way to the real engine that a test can close without touching the engine, which others use, too. */
export async function engineProxy(path: string, engine = '/var/run/docker.sock'): Promise<EngineProxy> {
  const open = new Set<Socket>()
  let hung = false
  let server: Server | undefined
  const keep = (socket: Socket) => {
    open.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => open.delete(socket))
  }
  const listen = async () => {
    await rm(path, { force: true })
    const fresh = createServer((client) => {
      keep(client)
      if (hung) return
      const upstream = createConnection(engine)
      keep(upstream)
      client.pipe(upstream).pipe(client)
      client.on('close', () => upstream.destroy())
      upstream.on('close', () => client.destroy())
    })
    await new Promise<void>((resolve, reject) => fresh.once('error', reject).listen(path, resolve))
    server = fresh
  }
  const breakOff = () => {
    for (const socket of open) socket.destroy()
  }
  const cut = async () => {
    const gone = server
    server = undefined
    breakOff()
    if (gone) await new Promise<void>((resolve) => gone.close(() => resolve()))
    await rm(path, { force: true })
  }
  await listen()
  return {
    host: `unix://${path}`,
    cut,
    close: cut,
    hang() {
      hung = true
      breakOff()
    },
    async mend() {
      hung = false
      breakOff()
      if (!server) await listen()
    },
  }
}
