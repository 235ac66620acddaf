import type { Who } from './write-audit.ts'

/**
 * Where the caller finds an agent, or what was asked of it: an operation has a page of its own for people; to a program it is
 * a part of its agent.
 */
export function pathOf(who: Who, agentId: string, operationId?: string): string {
  if (who.apiKeyId !== undefined) return `/api/agent-hub/agents/${agentId}`
  const agent = `/api/agents/${agentId}`
  return operationId === undefined ? agent : `${agent}/operations/${operationId}`
}
