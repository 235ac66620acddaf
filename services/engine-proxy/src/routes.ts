import type { Engine } from './engine.ts'
import type { Owners } from './owned.ts'
import type { Ours } from './policy/ours.ts'
import { containerRoutes } from './routes/containers.ts'
import { execRoutes } from './routes/execs.ts'
import { lookRoutes } from './routes/looks.ts'
import { networkRoutes } from './routes/networks.ts'
import { volumeRoutes } from './routes/volumes.ts'
import type { Parameters } from './target.ts'

export type RouteDeps = { ours: Ours; engine: Engine; owners: Owners; gatewayImage: string | undefined }

/** A call that was judged, as it goes to the engine; or an answer that is given without it. */
export type Verdict =
  | {
      method: string
      path: string
      query?: URLSearchParams
      /** Sent as JSON: what was judged, never the bytes that came. */
      json?: unknown
      archive?: Buffer
      /** How long the engine has until its answer begins; 120 s unless given. */
      deadlineMs?: number
    }
  | { answer: Buffer }

export type Asked = {
  /** The parts of the path that the route leaves open. */
  parts: string[]
  query: URLSearchParams
  /** The body as JSON, an empty one as an empty object; 1 MiB at most. Throws `Refusal`. */
  json(): Promise<unknown>
  /** The body as it came, so many bytes at most. */
  bytes(most: number): Promise<Buffer>
  signal: AbortSignal
}

export type Route = {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  /** Of the whole path. */
  path: RegExp
  parameters?: Parameters
  /** The client repeats its body in the query, where the engine looks for nothing: none of it is sent on. */
  ignoresQuery?: true
  judge(asked: Asked): Promise<Verdict> | Verdict
}

/** Everything that the worker asks of the engine, and nothing besides: what is in none of these tables is refused. */
export const routesOf = (deps: RouteDeps): Route[] => [
  ...lookRoutes(deps),
  ...containerRoutes(deps),
  ...execRoutes(deps),
  ...networkRoutes(deps),
  ...volumeRoutes(deps),
]
