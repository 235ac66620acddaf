import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ProviderId, RoundTrip, RoundTripBody, SignInProviders, StartQuery } from '@nora/contract/identities'
import { constantTimeEqual } from '@nora/crypto/tokens'
import { withActor } from '@nora/db/actor'
import { type FlowPurpose, startRoundTrip, startSignIn, takeFlow } from '@nora/db/identities'
import { DomainError } from '@nora/domain/errors'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { signedIn } from '../auth/answer.ts'
import type { Deps } from '../deps.ts'
import { clientIp } from '../http/client-ip.ts'
import { setSecondFactorCookie } from '../passkeys/second-factor-token.ts'
import { apiProof } from './api-proof.ts'
import { authorizationUrl, confirm } from './confirm.ts'
import { type From, finishLink, finishSignIn, finishStepUp } from './finish.ts'
import { clearFlowCookie, type Flow, flowOfCookie, newFlow, setFlowCookie } from './flow.ts'
import { answerWithPage } from './problem-page.ts'
import { asking, providerClients } from './provider-client.ts'

const Redirect = Type.Null({ description: 'Location says where to.' })

/** Sign-in, linking and step-up by a round trip to a provider that the operator set up (docs/sign-in.md). */
export const oauthRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  const clients = providerClients(deps)
  const errorHandler = answerWithPage(deps)
  // Nobody is sent away who could not be taken back.
  const leaveFor = async (provider: string, flow: Flow, purpose: FlowPurpose): Promise<string> => {
    const url = await asking(deps, provider, async () =>
      authorizationUrl(deps, await clients.of(provider), flow, purpose),
    )
    await apiProof(deps)
    return url
  }

  app.get(
    '/auth/oauth',
    { config: { access: 'public' }, schema: { response: { 200: SignInProviders } } },
    async () => ({ items: deps.config.signInProviders.map(({ id, name }) => ({ id, name })) }),
  )

  app.get(
    '/auth/oauth/:provider/start',
    {
      config: { access: 'public' },
      errorHandler,
      schema: { params: ProviderId, querystring: StartQuery, response: { 302: Redirect } },
    },
    async (request, reply) => {
      await app.limits.oauth(request, reply)
      const { provider } = request.params
      const flow = newFlow()
      const url = await leaveFor(provider, flow, 'sign-in')
      const returnPath = request.query.returnTo ?? '/'
      await startSignIn(deps.db, { flowHash: flow.hash, provider, returnPath })
      setFlowCookie(deps.config, reply, flow)
      return reply.redirect(url, 302)
    },
  )

  for (const purpose of ['link', 'step-up'] as const) {
    app.post(
      `/auth/oauth/:provider/${purpose}`,
      {
        // Each is a round trip of its own, bound to the browser that gets this answer.
        config: { access: 'session', idempotency: 'none' },
        schema: { params: ProviderId, body: RoundTripBody, response: { 200: RoundTrip } },
      },
      async (request, reply) => {
        await app.limits.oauth(request, reply)
        const { provider } = request.params
        const { actor } = request.actor
        const flow = newFlow()
        const url = await leaveFor(provider, flow, purpose)
        const returnPath = request.body.returnTo ?? '/'
        await withActor(deps.db, actor, (tx) =>
          startRoundTrip(tx, actor, { flowHash: flow.hash, provider, purpose, returnPath }),
        )
        setFlowCookie(deps.config, reply, flow)
        return { authorizationUrl: url }
      },
    )
  }

  app.get(
    '/auth/oauth/:provider/callback',
    {
      config: { access: 'public' },
      errorHandler,
      // Providers add what they like to the query; what matters of it is checked by its content.
      schema: { params: ProviderId, response: { 302: Redirect } },
    },
    async (request, reply) => {
      await app.limits.oauth(request, reply)
      const { provider } = request.params
      clients.named(provider)
      const flow = flowOfCookie(deps.config, request)
      const { state } = request.query as Record<string, unknown>
      // Before the flow is spent: a page that sends the browser here with another state ends nobody's sign-in.
      if (!flow || typeof state !== 'string' || !constantTimeEqual(state, flow.state)) {
        throw new DomainError('oauth-flow-invalid')
      }
      // Nor is anybody asked on the word of who comes without one; and one that cannot be asked now can be tried again.
      const client = await asking(deps, provider, () => clients.of(provider))
      clearFlowCookie(deps.config, reply)
      const taken = await takeFlow(deps.db, flow.secret, provider)
      if (!taken) throw new DomainError('oauth-flow-invalid')
      const query = request.url.slice(request.url.indexOf('?') + 1)
      const who = await asking(deps, provider, () => confirm(deps, client, flow, query))
      const came = { provider, flow, who }
      const from = fromOf(request)
      if (taken.purpose === 'link') await finishLink(deps, came, from)
      else if (taken.purpose === 'step-up') await finishStepUp(deps, came, from)
      else {
        const done = await finishSignIn(deps, came, from)
        if ('secondFactor' in done) setSecondFactorCookie(deps.config, reply, done.secondFactor)
        else signedIn(app, deps, reply, { ...done, transport: 'cookie' })
      }
      return reply.redirect(`${deps.config.publicUrl}${taken.returnPath}`, 302)
    },
  )
}

const fromOf = (request: FastifyRequest): From => ({
  ip: clientIp(request),
  userAgent: request.headers['user-agent']?.slice(0, 300) ?? null,
  correlationId: request.id,
})
