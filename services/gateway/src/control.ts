import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Verifier } from '@nora/crypto/capability'
import type { AddressPolicy } from './addresses.ts'
import { capabilityOf } from './capability.ts'
import type { FaultLog } from './faults.ts'
import { isFramedPlainly } from './headers.ts'
import type { Log } from './log.ts'
import { parseProbe, probe } from './probe.ts'
import { problems, sendProblem } from './problem.ts'
import { parseReach, reach } from './reach.ts'
import { parseRoutes, type RouteTable } from './routes.ts'

export type ControlDeps = {
  table: RouteTable
  verify: Verifier
  allow: AddressPolicy
  bootId: string
  log: Log
  faults: FaultLog
}

const ops = ['PUT /routes', 'GET /status', 'POST /probe', 'POST /reach']
const MAX_BODY = 1024 * 1024

/**
 * The worker's side: `PUT /routes`, `GET /status`, `POST /probe`, `POST /reach`. A capability names one of these as its `op`
 * and carries the hash of the body, so a token taken off the wire can repeat its own call and do nothing else.
 */
export const controlHandler =
  (deps: ControlDeps) =>
  async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const op = `${req.method} ${req.url}`
    if (!ops.includes(op)) return sendProblem(res, problems.notFound)
    if (!isFramedPlainly(req)) return sendProblem(res, problems.framing)
    const body = await readBody(req)
    if (!body) return sendProblem(res, problems.tooLarge)
    if (!capabilityOf(req, deps.verify, { audience: 'gateway-control', op, body })) {
      return sendProblem(res, problems.capabilityInvalid)
    }
    if (op === 'PUT /routes') putRoutes(deps, body, res)
    else if (op === 'GET /status') {
      sendJson(res, {
        bootId: deps.bootId,
        revision: deps.table.revision(),
        routes: deps.table.size(),
        uptimeMs: Math.round(process.uptime() * 1000),
        faults: deps.faults.told(),
      })
    } else if (op === 'POST /reach') {
      const wanted = parseReach(body)
      if (wanted) sendJson(res, await reach(wanted))
      else sendProblem(res, { status: 400, code: 'reach-invalid', title: 'The list of targets is malformed' })
    } else {
      const wanted = parseProbe(body)
      if (wanted) sendJson(res, await probe(deps.table, wanted))
      else sendProblem(res, { status: 400, code: 'probe-invalid', title: 'The probe is malformed' })
    }
  }

function putRoutes({ table, allow, log }: ControlDeps, body: Buffer, res: ServerResponse): void {
  const push = parseRoutes(body, allow)
  if ('errors' in push) {
    log('error', 'routes refused', { errors: push.errors })
    const title = 'The routes are not accepted; none was changed'
    sendProblem(res, { status: 422, code: 'routes-invalid', title, errors: push.errors })
  } else if (table.replace(push)) {
    log('info', 'routes set', { revision: push.revision, routes: table.size() })
    res.writeHead(204).end()
  } else {
    const title = `Revision ${push.revision} is older than ${table.revision()}`
    sendProblem(res, { status: 409, code: 'routes-stale', title })
  }
}

function sendJson(res: ServerResponse, value: unknown): void {
  const text = JSON.stringify(value)
  res
    .writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
    .end(text)
}

async function readBody(req: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
