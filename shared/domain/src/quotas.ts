/** What the operator allows: agents of one workspace, and the size of one agent. */
export type Limits = { agents: number; vcpu: number; ramMb: number; diskGb: number }

export type Size = { cpus: number; memoryMb: number; diskMb: number }

/** A quota that a request does not fit in, named as the operator set it; `unit` is that of both numbers. */
export type Exceeded = {
  quota: 'MAX_AGENTS' | 'MAX_AGENTS_TOTAL' | 'MAX_VCPU' | 'MAX_RAM_MB' | 'MAX_DISK_GB'
  limit: number
  requested: number
}

/** The first quota that one agent of this size does not fit in. A size equal to the limit fits. */
export function sizeExceeds(limits: Limits, size: Size): Exceeded | undefined {
  if (size.cpus > limits.vcpu) return { quota: 'MAX_VCPU', limit: limits.vcpu, requested: size.cpus }
  if (size.memoryMb > limits.ramMb) {
    return { quota: 'MAX_RAM_MB', limit: limits.ramMb, requested: size.memoryMb }
  }
  if (size.diskMb > limits.diskGb * 1024) {
    return { quota: 'MAX_DISK_GB', limit: limits.diskGb, requested: size.diskMb / 1024 }
  }
  return undefined
}

/** Whether one agent more than the `existing` ones of the workspace is too many. */
export function countExceeds(limits: Limits, existing: number): Exceeded | undefined {
  return existing >= limits.agents
    ? { quota: 'MAX_AGENTS', limit: limits.agents, requested: existing + 1 }
    : undefined
}
