import { execBody, execStartBody } from '../policy/exec.ts'
import { Refusal } from '../refusal.ts'
import type { Route, RouteDeps } from '../routes.ts'

const id = '([0-9a-f]{64})'
const size = /^\d{1,4}$/

/** Programs in agents' containers. */
export function execRoutes({ owners }: RouteDeps): Route[] {
  return [
    {
      method: 'POST',
      path: /^\/containers\/([^/]+)\/exec$/,
      async judge({ parts: [name = ''], json, signal }) {
        const agent = await owners.postured(name, ['agent'], signal)
        const body = await json()
        const problem = execBody(body, '')
        if (problem !== undefined) throw new Refusal(problem)
        // Named, so that it does not depend on whom the container says it runs as.
        const exec = { ...(body as object), User: '10001:10001', Privileged: false }
        return { method: 'POST', path: `/containers/${agent.id}/exec`, json: exec }
      },
    },
    {
      method: 'POST',
      path: new RegExp(`^/exec/${id}/start$`),
      async judge({ parts: [exec = ''], json, signal }) {
        const body = await json()
        const problem = execStartBody(body, '')
        if (problem !== undefined) throw new Refusal(problem)
        await owners.exec(exec, signal)
        const Tty = (body as { Tty?: boolean }).Tty === true
        return { method: 'POST', path: `/exec/${exec}/start`, json: { Detach: false, Tty } }
      },
    },
    {
      method: 'POST',
      path: new RegExp(`^/exec/${id}/resize$`),
      parameters: { h: size, w: size },
      async judge({ parts: [exec = ''], query, signal }) {
        await owners.exec(exec, signal)
        return { method: 'POST', path: `/exec/${exec}/resize`, query }
      },
    },
    {
      method: 'GET',
      path: new RegExp(`^/exec/${id}/json$`),
      async judge({ parts: [exec = ''], signal }) {
        return { answer: (await owners.exec(exec, signal)).bytes }
      },
    },
  ]
}
