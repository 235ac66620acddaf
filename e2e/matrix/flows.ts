import type { Expected } from '../world/look-at-agent.ts'

export const flowNames = ['provision', 'sync-keys', 'restart', 'redeploy', 'stop', 'start', 'delete'] as const
export type FlowName = (typeof flowNames)[number]

/** An agent on its way through the flows, one after the other. */
export type Subject = { name: string; agentId: string; keyId: string; key: string; generation: number }

type Flow = {
  /** What a client sends. */
  request(subject: Subject): { method: string; path: string; body?: unknown }
  leads: Expected['state']
  newGeneration?: true
}

const post = (subject: Subject, verb: string) => ({
  method: 'POST',
  path: `agents/${subject.agentId}/${verb}`,
  body: {},
})

export const flows: Record<FlowName, Flow> = {
  provision: {
    request: ({ name, keyId }) => ({
      method: 'POST',
      path: 'agents',
      body: {
        ...{ name, runtime: 'starter', providerKeyIds: [keyId] },
        resources: { cpus: 1, memoryMb: 128, diskMb: 32, pids: 64 },
      },
    }),
    leads: 'running',
  },
  'sync-keys': { request: (subject) => post(subject, 'sync-keys'), leads: 'running' },
  restart: { request: (subject) => post(subject, 'restart'), leads: 'running' },
  redeploy: { request: (subject) => post(subject, 'redeploy'), leads: 'running', newGeneration: true },
  stop: { request: (subject) => post(subject, 'stop'), leads: 'stopped' },
  start: { request: (subject) => post(subject, 'start'), leads: 'running' },
  delete: {
    request: ({ agentId }) => ({ method: 'DELETE', path: `agents/${agentId}` }),
    leads: 'deleted',
  },
}
