import { apiKeys } from './api-keys.ts'
import { apiList } from './api-list.ts'
import type { Bench } from './bench.ts'
import { execEcho } from './exec-echo.ts'
import { gatewayHttp } from './gateway-http.ts'
import { login } from './login.ts'
import { logsLatency } from './logs-latency.ts'
import { logsThroughput } from './logs-throughput.ts'
import { many } from './many.ts'
import { memory } from './memory.ts'
import { provisionCold } from './provision-cold.ts'
import { provisionMany } from './provision-many.ts'
import { reconcile } from './reconcile.ts'
import { recover } from './recover.ts'
import { rotate } from './rotate.ts'
import { start } from './start.ts'
import { sync } from './sync.ts'

/** Every bench, in the order in which they run. */
export const benches: readonly Bench[] = [
  memory,
  many,
  apiList,
  apiKeys,
  login,
  gatewayHttp,
  provisionCold,
  provisionMany,
  logsThroughput,
  logsLatency,
  execEcho,
  recover,
  reconcile,
  rotate,
  start,
  sync,
]
