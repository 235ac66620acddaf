import { credentialType } from '@nora/contract/credential-catalog'
import { checkConfigNames, checkEnv, checkResources } from './check-spec.ts'
import {
  type AgentSpec,
  agentUser,
  hostnameOf,
  type OpenedKey,
  type Resources,
  type Runtime,
} from './runtime.ts'
import { keyFiles, keysJson } from './secret-files.ts'

const port = 8080
const minimum: Resources = { cpus: 0.1, memoryMb: 96, diskMb: 16, pids: 32 }

/** A key saved without a base URL goes to its type's usual one, which the agent itself does not know. */
const withBaseUrl = (key: OpenedKey): OpenedKey => ({
  ...key,
  baseUrl: key.baseUrl ?? credentialType(key.kind, key.provider)?.defaultBaseUrl ?? null,
})

/** The agent we ship: `services/starter-agent`, whose README is the contract's other half. */
export const starter: Runtime = {
  name: 'starter',
  title: 'Starter agent',
  description:
    'The small agent that comes with Nora: it answers chats with the provider key that you give it.',
  chat: true,
  asks: { image: 'no', command: 'no', port: 'no' },
  keyKinds: ['llm'],
  validate(spec: AgentSpec) {
    const errors = [
      ...checkResources(spec, 'starter', minimum),
      ...checkEnv(spec),
      ...checkConfigNames(spec, []),
    ]
    if (spec.image !== null)
      errors.push({ path: '/image', message: 'the starter runtime brings its own image' })
    if (spec.command.length > 0) {
      errors.push({ path: '/command', message: 'the starter runtime has its own command' })
    }
    if (spec.port !== null && spec.port !== port) {
      errors.push({ path: '/port', message: `the starter runtime listens on ${port}` })
    }
    return errors
  },
  image: () => ({ kind: 'local', name: 'starter-agent' }),
  process: (spec) => ({
    command: [
      '/bin/node',
      '--disable-sigusr1', // no inspector for whoever can signal the process
      // Node sizes its heap by the machine, not by a small container: leave a third for buffers.
      `--max-old-space-size=${Math.max(48, Math.floor((spec.resources.memoryMb * 2) / 3))}`,
      '/app/services/starter-agent/src/main.ts',
    ],
    env: {
      HOME: '/tmp',
      AGENT_NAME: spec.name,
      ...spec.env,
      PORT: String(port),
      KEYS_FILE: '/run/nora/keys.json',
    },
    user: agentUser,
    hostname: hostnameOf(spec),
  }),
  files: () => [],
  secrets: (_spec, keys, version) => [keysJson(keys.map(withBaseUrl), version), ...keyFiles(keys)],
  reload: { kind: 'signal', signal: 'SIGHUP' },
  ports: () => ({ http: port }),
  probe: () => ({
    port,
    path: '/healthz',
    expect: { status: 'ok' },
    intervalMs: 200,
    timeoutMs: 2_000,
    startDeadlineMs: 60_000,
  }),
  state: () => ({ path: '/data' }),
  defaults: { cpus: 0.5, memoryMb: 192, diskMb: 128, pids: 64 },
  minimum,
}
