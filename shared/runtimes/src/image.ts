import { checkConfigNames, checkEnv, checkResources } from './check-spec.ts'
import { checkImageConfig, imageConfig, imageConfigNames, keyReference } from './image-config.ts'
import {
  type AgentSpec,
  agentUser,
  hostnameOf,
  type OpenedKey,
  type Resources,
  type Runtime,
  type SecretFile,
  type SpecError,
} from './runtime.ts'
import { keyFiles, keysJson, mainField, shellExport } from './secret-files.ts'

const minimum: Resources = { cpus: 0.05, memoryMb: 16, diskMb: 0, pids: 4 }

// The grammar of image references (distribution/reference): host[:port]/path[:tag][@digest], the path in lower case.
const REFERENCE =
  /^(?:[a-zA-Z0-9][a-zA-Z0-9.-]*(?::\d{1,5})?\/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/

function checkImage(spec: AgentSpec): SpecError[] {
  if (spec.image === null || spec.image === '') {
    return [{ path: '/image', message: 'the image runtime needs an image, like ghcr.io/you/agent:1.0' }]
  }
  return spec.image.length <= 512 && REFERENCE.test(spec.image)
    ? []
    : [{ path: '/image', message: 'is not an image reference like ghcr.io/you/agent:1.0' }]
}

function secretOf(reference: string, keys: OpenedKey[]): Buffer | undefined {
  const { id, field } = keyReference(reference)
  const key = keys.find((one) => one.id === id)
  if (!key) return undefined // detached: the variable or file is simply not there
  if (field === null) return mainField(key)
  return Object.hasOwn(key.fields, field) ? key.fields[field] : undefined
}

function namedFiles(spec: AgentSpec, keys: OpenedKey[]): SecretFile[] {
  const { keyEnv, keyFiles: wanted } = imageConfig(spec)
  const files = Object.entries(wanted ?? {}).flatMap(([name, reference]) => {
    const value = secretOf(reference, keys)
    return value ? [{ name, content: Buffer.from(value) }] : []
  })
  if (keyEnv === undefined) return files
  const lines = Object.entries(keyEnv).flatMap(([name, reference]) => {
    const value = secretOf(reference, keys)
    return value ? [shellExport(name, value)] : []
  })
  const content = Buffer.concat(lines)
  for (const line of lines) line.fill(0)
  return [...files, { name: 'env.sh', content }]
}

/**
 * Any OCI image. It must run as uid 10001 on a read-only root; keys are in /run/nora, and as variables where the config
 * says so: a shell in front of the command reads them there, so that the engine's own Env holds none.
 */
export const image: Runtime = {
  name: 'image',
  title: 'Your own image',
  description:
    'Any container image that runs as an ordinary user on a read-only root; its keys are files in /run/nora.',
  chat: false,
  asks: { image: 'required', command: 'optional', port: 'optional' },
  keyKinds: ['llm', 'integration', 'exchange'],
  validate: (spec) => [
    ...checkImage(spec),
    ...checkResources(spec, 'image', minimum),
    ...checkEnv(spec),
    ...checkConfigNames(spec, imageConfigNames),
    ...checkImageConfig(spec),
    ...(spec.command.some((part) => part.includes('\0'))
      ? [{ path: '/command', message: 'must not contain a NUL character' }]
      : []),
  ],
  image: (spec) => ({ kind: 'registry', reference: spec.image ?? '' }),
  process(spec) {
    const { keyEnv, statePath } = imageConfig(spec)
    return {
      command:
        keyEnv === undefined
          ? [...spec.command]
          : ['/bin/sh', '-c', '. /run/nora/env.sh && exec "$@"', 'sh', ...spec.command],
      env: { HOME: statePath ?? '/tmp', ...spec.env },
      user: agentUser,
      hostname: hostnameOf(spec),
    }
  },
  files: () => [],
  secrets: (spec, keys, version) => [keysJson(keys, version), ...keyFiles(keys), ...namedFiles(spec, keys)],
  ports: (spec) => (spec.port === null ? {} : { http: spec.port }),
  probe(spec) {
    const { probePath, startSeconds = 120 } = imageConfig(spec)
    if (spec.port === null || probePath === undefined) return undefined
    return {
      port: spec.port,
      path: probePath,
      expect: {},
      intervalMs: 500,
      timeoutMs: 3_000,
      startDeadlineMs: startSeconds * 1_000,
    }
  },
  state(spec) {
    const { statePath } = imageConfig(spec)
    return statePath === undefined ? undefined : { path: statePath }
  },
  defaults: { cpus: 1, memoryMb: 512, diskMb: 1024, pids: 128 },
  minimum,
}
