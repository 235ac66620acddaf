import { foreignView } from '../foreign.ts'
import { volumeBody } from '../policy/agent-body.ts'
import { label, uuid } from '../policy/ours.ts'
import { isObject } from '../policy/rules.ts'
import { Refusal } from '../refusal.ts'
import type { Route, RouteDeps } from '../routes.ts'

export function volumeRoutes({ ours, owners }: RouteDeps): Route[] {
  return [
    {
      method: 'GET',
      path: /^\/volumes\/([^/]+)$/,
      async judge({ parts: [name = ''], signal }) {
        try {
          return { answer: (await owners.volume(name, signal)).bytes }
        } catch (error) {
          return { answer: foreignView(error, name, ours) }
        }
      },
    },
    {
      method: 'POST',
      path: /^\/volumes\/create$/,
      ignoresQuery: true,
      async judge({ json }) {
        const body = await json()
        const labels = isObject(body) && isObject(body['Labels']) ? body['Labels'] : {}
        const agentId = labels[label.agent]
        if (typeof agentId !== 'string' || !uuid.test(agentId))
          throw new Refusal(`Labels.${label.agent} must be an agent's id`)
        const problem = volumeBody(ours, agentId)(body, '')
        if (problem !== undefined) throw new Refusal(problem)
        return { method: 'POST', path: '/volumes/create', json: body }
      },
    },
    {
      method: 'DELETE',
      path: /^\/volumes\/([^/]+)$/,
      async judge({ parts: [name = ''], signal }) {
        const { id } = await owners.volume(name, signal)
        return { method: 'DELETE', path: `/volumes/${id}` }
      },
    },
  ]
}
