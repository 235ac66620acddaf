import type { IncomingMessage, ServerResponse } from 'node:http'
import { hashRequest, type Verifier } from '@nora/crypto/capability'
import { parseTarget } from './agent-path.ts'
import { capabilityOf } from './capability.ts'
import { type ForwardLimits, forward } from './forward.ts'
import { isFramedPlainly } from './headers.ts'
import type { Log } from './log.ts'
import { problems, sendProblem } from './problem.ts'
import type { RouteTable } from './routes.ts'

export type InvokeDeps = { table: RouteTable; verify: Verifier; limits: ForwardLimits; log: Log }

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/**
 * `ANY /agents/<agentId>/<path>`. Nothing is looked up before the capability holds, and an agent of another workspace
 * looks exactly like one that is not here.
 */
export const invokeHandler =
  ({ table, verify, limits, log }: InvokeDeps) =>
  async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    if (!isFramedPlainly(req)) return sendProblem(res, problems.framing)
    if (!METHODS.has(req.method ?? '')) return sendProblem(res, problems.method)
    const target = parseTarget(req.url ?? '')
    if (!target) return sendProblem(res, problems.pathInvalid)
    // For this request and no other: bytes that a stranger got in front of somebody's call cannot use their word.
    const bound = hashRequest(req.method ?? '', req.url ?? '')
    const expected = { audience: 'gateway', op: 'invoke', agent: target.agentId, request: bound } as const
    const claims = capabilityOf(req, verify, expected)
    if (!claims?.workspace) return sendProblem(res, problems.capabilityInvalid)
    const routed = table.find(target.agentId)
    if (!routed || routed.route.workspaceId !== claims.workspace) return sendProblem(res, problems.notRouted)
    if (Number(req.headers['content-length'] ?? 0) > limits.bodyBytes)
      return sendProblem(res, problems.tooLarge)

    const { problem, reason } = await forward(req, res, routed, target.path, limits)
    if (problem) log('warn', 'invoke failed', { agent: target.agentId, code: problem.code, reason })
  }
