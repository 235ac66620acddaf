import { foreignView } from '../foreign.ts'
import { connectBody, disconnectBody, judgeNetwork } from '../policy/networks.ts'
import type { Role } from '../policy/ours.ts'
import { Refusal } from '../refusal.ts'
import type { Route, RouteDeps } from '../routes.ts'

const every: readonly Role[] = ['network', 'control']

export function networkRoutes({ ours, owners }: RouteDeps): Route[] {
  const connect = connectBody(ours)
  return [
    {
      method: 'GET',
      path: /^\/networks\/([^/]+)$/,
      async judge({ parts: [name = ''], signal }) {
        try {
          return { answer: (await owners.network(name, every, signal)).bytes }
        } catch (error) {
          return { answer: foreignView(error, name, ours) }
        }
      },
    },
    {
      method: 'POST',
      path: /^\/networks\/create$/,
      ignoresQuery: true,
      async judge({ json }) {
        const body = await json()
        const problem = judgeNetwork(ours, body)
        if (problem !== undefined) throw new Refusal(problem)
        return { method: 'POST', path: '/networks/create', json: body }
      },
    },
    {
      method: 'POST',
      path: /^\/networks\/([^/]+)\/connect$/,
      async judge({ parts: [name = ''], json, signal }) {
        const body = await json()
        const problem = connect(body, '')
        if (problem !== undefined) throw new Refusal(problem)
        const given = body as { Container: string }
        const network = await owners.network(name, ['network'], signal)
        // Agents stand on one network, for good.
        const gateway = await owners.postured(given.Container, ['gateway'], signal)
        const sent = { ...given, Container: gateway.id }
        return { method: 'POST', path: `/networks/${network.id}/connect`, json: sent }
      },
    },
    {
      method: 'POST',
      path: /^\/networks\/([^/]+)\/disconnect$/,
      async judge({ parts: [name = ''], json, signal }) {
        const body = await json()
        const problem = disconnectBody(body, '')
        if (problem !== undefined) throw new Refusal(problem)
        const given = body as { Container: string }
        const network = await owners.network(name, ['network'], signal)
        const { id } = await owners.container(given.Container, ['agent', 'gateway'], signal)
        return {
          method: 'POST',
          path: `/networks/${network.id}/disconnect`,
          json: { ...given, Container: id },
        }
      },
    },
    {
      method: 'DELETE',
      path: /^\/networks\/([^/]+)$/,
      async judge({ parts: [name = ''], signal }) {
        const { id } = await owners.network(name, ['network'], signal)
        return { method: 'DELETE', path: `/networks/${id}` }
      },
    },
  ]
}
