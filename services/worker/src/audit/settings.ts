import type { WorkerConfig } from '@nora/config/worker'

/** The settings of a start that all workers share, for the audit. Keys are told by their versions alone. */
export function settingsOf(config: WorkerConfig): Record<string, unknown> {
  const { production, agentNetworkPool, dockerHost, providerAllowHosts, allowPlaintextSecrets } = config
  return {
    ...{ production, agentNetworkPool, dockerHost, providerAllowHosts, allowPlaintextSecrets },
    keyVersion: config.keyVersion,
    previousKeyVersions: config.encryptionKeysPrevious.map((one) => one.version),
    images: config.images,
    gatewayDial: config.gatewayDial,
    logs: config.logs,
    errorReports: config.errorReports?.url.host ?? null,
  }
}
