import type { ApiConfig } from '@nora/config/api'
import type { RateLimits } from '@nora/config/rate-limits'
import type { SealKey } from '@nora/crypto/keys'
import type { DB } from '@nora/db/schema'
import type { OperationJob } from '@nora/queue/operations'
import type { Queue } from 'bullmq'
import type { FastifyBaseLogger } from 'fastify'
import type { Redis } from 'ioredis'
import type { Kysely } from 'kysely'
import type { Patience } from './http/count-calls.ts'
import type { EdgeTimes } from './http/edge-times.ts'

/** What the operator set, without the secrets that only `main.ts` turns into something (URLs, the seal key's text). */
export type ApiSettings = Pick<
  ApiConfig,
  | 'production'
  | 'bind'
  | 'instance'
  | 'publicUrl'
  | 'adminUrl'
  | 'consoleDir'
  | 'adminDir'
  | 'jwtSecrets'
  | 'setupToken'
  | 'corsOrigins'
  | 'signupEnabled'
  | 'signInProviders'
  | 'signInAllowHosts'
  | 'botProtection'
  | 'enabledBackends'
  | 'limits'
  | 'maxAgentsTotal'
  | 'invokeMaxBodyMb'
  | 'trustProxy'
  | 'allowedHosts'
  | 'connections'
  | 'providerAllowHosts'
  | 'allowPlaintextSecrets'
  | 'errorReports'
> & {
  rateLimits: RateLimits
  /** Other deadlines than the edge's own: a test does not wait for those. */
  edgeTimes?: Partial<EdgeTimes>
  /** Another patience with Redis than the api's own: a test's machine may be slow. */
  redisPatience?: Patience | undefined
}

/** Everything the api works with, made in `main.ts` (or by a test) and passed down as it is. */
export type Deps = {
  config: ApiSettings
  /** As role nora_app. Tenants' tables are reached through `withActor` alone. */
  db: Kysely<DB>
  /** For rate limits and bells; a connection of its own, which may be down. */
  redis: Redis
  /** The doorbell: see `ring` of @nora/queue/operations. */
  queue: Queue<OperationJob>
  log: FastifyBaseLogger
  /** Milliseconds since the epoch. */
  clock: () => number
  sealKey: SealKey
  /** Ed25519 seed, 32 bytes, with which the api signs capabilities for worker and gateway. */
  capabilitySeed: Buffer
  /** The seeds before it, while it is exchanged. */
  capabilitySeedsBefore?: readonly Buffer[]
  /** Of workspace API keys, 32 bytes each: the first makes, all verify. Never empty. */
  hubPeppers: readonly Buffer[]
}
