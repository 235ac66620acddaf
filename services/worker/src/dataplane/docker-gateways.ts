import { type AcceptedKeys, capabilityPublicKey } from '@nora/crypto/capability'
import type Docker from 'dockerode'
import { BackendError } from '../backends/backend.ts'
import { objectNames } from '../backends/docker/names.ts'
import { GatewayError, gatewayClient } from '../gateway/control-client.ts'
import { type GatewaySettings, gatewaySpec } from '../gateway/gateway-spec.ts'
import { attachGateway, ensureGateway, removeGateway } from '../gateway/keeper.ts'
import type { OwnImages } from '../images/own-images.ts'
import type { GatewayEngine } from './gateway-engine.ts'

export type DockerGatewayDeps = {
  docker: Docker
  installation: string
  pool: string
  /** Of the api, whose calls gateways accept. */
  capabilityPublicKey: AcceptedKeys
  /** Raw 32-byte Ed25519 seed with which this worker signs its own calls to gateways. */
  controlSeed: Buffer
  image: OwnImages
  dial: GatewaySettings['dial']
}

/** How long a gateway that was just started has until it answers. */
const readyMs = 20_000

/** Gateways as containers of the Docker Engine on this host. */
export function dockerGateways(deps: DockerGatewayDeps): GatewayEngine {
  const { docker, installation, pool, dial, controlSeed: signingSeed } = deps
  const keys = {
    capabilityPublicKey: [deps.capabilityPublicKey]
      .flat()
      .map((key) => key.toString('base64url'))
      .join(','),
    controlPublicKey: capabilityPublicKey(signingSeed).toString('base64url'),
  }
  const settings = async (index: number, signal: AbortSignal) => {
    const image = await deps.image('gateway', signal)
    return { installation, pool, index, image, dial, ...keys }
  }
  const client = (controlUrl: string) => gatewayClient({ controlUrl, signingSeed })
  return {
    async ensure(index, signal) {
      const gateway = await ensureGateway(docker, await settings(index, signal), signal)
      await client(gateway.controlUrl).ready(readyMs, signal)
      return gateway
    },
    async remove(index, signal) {
      const { name } = gatewaySpec(await settings(index, signal))
      await removeGateway(docker, { name, installation }, signal)
    },
    attach(gateway, { agentId, address }, signal) {
      return attachGateway(docker, gateway, objectNames(installation, agentId).network, address, signal)
    },
    status: (controlUrl, signal) => client(controlUrl).status(signal),
    async putRoutes(controlUrl, push, signal) {
      try {
        await client(controlUrl).pushRoutes(push, signal)
      } catch (error) {
        // Somebody pushed a newer list meanwhile, which holds whatever this one would have brought.
        if (!(error instanceof GatewayError) || error.code !== 'routes-stale') throw asBackendError(error)
      }
    },
    async probe(controlUrl, request, signal) {
      try {
        return await client(controlUrl).probe(request, signal)
      } catch (error) {
        throw asBackendError(error)
      }
    },
    async reach(controlUrl, request, signal) {
      try {
        return await client(controlUrl).reach(request, signal)
      } catch (error) {
        throw asBackendError(error)
      }
    },
  }
}

function asBackendError(error: unknown): unknown {
  if (!(error instanceof GatewayError)) return error
  const code = error.retry ? 'engine-unavailable' : 'engine-error'
  return new BackendError(code, error.message, { retry: error.retry, cause: error })
}
