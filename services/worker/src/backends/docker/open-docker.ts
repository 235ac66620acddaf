import { registerHooks } from 'node:module'
import type Docker from 'dockerode'

// dockerode also speaks SSH and runs BuildKit sessions, and loads what that takes with its first line. The worker talks to
// a unix socket and builds without BuildKit: without these it needs 15 MB less and starts sooner.
const unused = new Set(['ssh2', '@grpc/grpc-js', '@grpc/proto-loader', 'protobufjs'])

const hooks = registerHooks({
  resolve: (specifier, context, next) =>
    unused.has(specifier)
      ? { url: new URL('./kept-out.ts', import.meta.url).href, shortCircuit: true }
      : next(specifier, context),
})
const { default: Client } = await import('dockerode')
hooks.deregister()

/** A client of the engine on this unix socket. */
export const openDocker = (socketPath: string): Docker => new Client({ socketPath })
