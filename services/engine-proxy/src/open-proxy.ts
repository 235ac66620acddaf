import { lstat, rm } from 'node:fs/promises'
import type { EngineProxyConfig } from '@nora/config/engine-proxy'
import type { Logger } from '@nora/log/logger'
import { engineAt } from './engine.ts'
import { ownersOn } from './owned.ts'
import { oursOf } from './policy/ours.ts'
import { routesOf } from './routes.ts'
import { type RunningProxy, startProxy } from './server.ts'

/** The whole proxy from its settings. Rejects when the socket is not to be had. */
export async function openProxy(
  config: Omit<EngineProxyConfig, 'logLevel'>,
  log: Logger,
): Promise<RunningProxy> {
  const { installationId: installation, agentNetworkPool: pool, keysDir, engineSocket, gatewayImage } = config
  const ours = oursOf({ installation, pool, keysDir })
  const engine = engineAt(engineSocket)
  const routes = routesOf({ ours, engine, owners: ownersOn(engine, ours), gatewayImage })
  await removeStale(config.proxySocket)
  return startProxy({ routes, engine, engineSocket, log }, config.proxySocket)
}

/** The socket of a life before; anything else of that name stays, and listening fails. */
async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (found?.isSocket()) await rm(path, { force: true })
}
