import { isAbsolute } from 'node:path'
import { readDockerHost, readFolder, readImage, readInstallationId, readPool } from './engine-settings.ts'
import { createReader, type Environment, type Reader } from './reader.ts'
import { type LogLevel, logLevels } from './values.ts'

export type EngineProxyConfig = {
  installationId: string
  agentNetworkPool: string
  /** The folder that agents' keys are mounted from; on a mount that follows no symbolic link. */
  keysDir: string
  /** The only image that a gateway may run, when set-up has named it. */
  gatewayImage: string | undefined
  /** Path of the engine's socket. */
  engineSocket: string
  /** Path of the socket that the worker speaks to. */
  proxySocket: string
  logLevel: LogLevel
}

/** Parses the environment of the engine's proxy once. Throws ConfigError with every problem found. */
export function loadEngineProxyConfig(env: Environment): Readonly<EngineProxyConfig> {
  const reader = createReader(env, 'engine-proxy')
  const engineSocket = readDockerHost(reader).replace(/^unix:\/\//, '')
  const proxySocket = readProxySocket(reader)
  if (engineSocket === proxySocket) reader.problem('NORA_PROXY_SOCKET', "is the engine's own socket")
  return reader.finish<EngineProxyConfig>({
    installationId: readInstallationId(reader),
    agentNetworkPool: readPool(reader),
    keysDir: readFolder(reader, 'NORA_KEYS_DIR', "the worker's own, such as /run/nora/keys"),
    gatewayImage: readImage(reader, 'NORA_IMAGE_GATEWAY'),
    engineSocket,
    proxySocket,
    logLevel: reader.oneOf('NORA_LOG_LEVEL', logLevels, 'info'),
  })
}

/** The socket alone, for a health check, which needs nothing else. */
export const loadProxySocket = (env: Environment): string => {
  const reader = createReader(env, 'engine-proxy')
  return reader.finish<{ socket: string }>({ socket: readProxySocket(reader) }).socket
}

function readProxySocket(reader: Reader): string {
  const how =
    'the absolute path of the socket that the worker speaks to, such as /run/nora-engine/docker.sock'
  const path = reader.required('NORA_PROXY_SOCKET', how)
  if (path !== undefined && !isAbsolute(path)) reader.problem('NORA_PROXY_SOCKET', `must be ${how}`)
  return path ?? ''
}
