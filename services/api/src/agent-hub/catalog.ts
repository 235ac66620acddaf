import type { CatalogEntry } from '@nora/contract/agent-hub'
import { runtimeNamed, runtimeNames } from '@nora/runtimes/catalog'
import type { AgentSpec, Runtime } from '@nora/runtimes/runtime'

/** Every runtime that an agent of this server may have. */
export const catalog = (): CatalogEntry[] => runtimeNames.map((name) => entryOf(runtimeNamed(name)!))

/** One of them, or undefined. */
export function catalogEntry(id: string): CatalogEntry | undefined {
  const runtime = runtimeNamed(id)
  return runtime && entryOf(runtime)
}

function entryOf(runtime: Runtime): CatalogEntry {
  const bare = bareSpec(runtime)
  return {
    id: runtime.name,
    defaults: runtime.defaults,
    minimum: runtime.minimum,
    needsImage: runtime.validate(bare).some((error) => error.path === '/image'),
    httpPort: runtime.ports(bare).http ?? null,
  }
}

/** An agent of which nothing is said but its runtime. */
const bareSpec = (runtime: Runtime): AgentSpec => ({
  ...{ id: '00000000-0000-0000-0000-000000000000', name: runtime.name, runtime: runtime.name },
  ...{ image: null, command: [], port: null, env: {}, config: {}, providerKeyIds: [] },
  resources: runtime.defaults,
})
