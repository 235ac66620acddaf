import swagger from '@fastify/swagger'
import type { Access } from '@nora/contract/permissions'
import { version } from '@nora/contract/version'
import type { FastifyInstance } from 'fastify'
import { adminCookieNames } from '../admin/cookies.ts'
import type { Deps } from '../deps.ts'
import { isForPrograms } from './caller.ts'
import { cookieNames } from './credentials.ts'

/** Describes every route, with its access and its problem answers, from the schemas that it is served by. */
export async function installOpenapi(app: FastifyInstance, deps: Deps): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Nora',
        version,
        description:
          'Self-hosted control plane for AI agents. Every answer has X-Correlation-Id and RateLimit-* headers; errors are ' +
          'RFC 9457 problem documents with a stable `code`.',
      },
      servers: [{ url: deps.config.publicUrl }],
      tags: [{ name: hubTag, description: 'For programs, with a workspace API key: see docs/agent-hub.md.' }],
      components: {
        securitySchemes: {
          cookie: {
            type: 'apiKey',
            in: 'cookie',
            name: cookieNames(deps.config).access,
            description: 'Mutations also need Origin and X-CSRF-Token.',
          },
          admin: {
            type: 'apiKey',
            in: 'cookie',
            name: adminCookieNames(deps.config).access,
            description: 'A session of the admin app. Mutations also need Origin and X-CSRF-Token.',
          },
          bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
          apiKey: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'nora_hub_<id>_<secret>',
            description: 'A workspace API key, for the Agent Hub alone; a session is refused there.',
          },
        },
      },
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, index) => String(json['$id'] ?? `def-${index}`),
    },
    transform: ({ schema, url, route }) => {
      const { access, idempotency, recentProof } = route.config ?? {}
      const described = { ...schema } as Record<string, unknown>
      described['x-nora-access'] = access
      described['security'] = securityOf(access)
      if (isForPrograms(access)) described['tags'] = [hubTag]
      if (url.startsWith('/api/admin/')) described['tags'] ??= ['admin']
      if (url.startsWith('/api/auth/')) described['tags'] ??= ['Sign-in and accounts']
      described['description'] ??= describeAccess(access) + (recentProof ? recentProofText : '')
      described['headers'] ??= headersOf(access, idempotency)
      if (described['headers'] === undefined) delete described['headers']
      return { schema: described, url: url.replace('*', ':path') }
    },
  })
}

const recentProofText =
  ' Asks for the password within ten minutes, at sign-in or by `POST auth/step-up` (403 `step-up-required`).'

const hubTag = 'Agent Hub'

function securityOf(access: Access | undefined): Record<string, []>[] {
  if (access === 'public') return []
  if (access === 'platform-admin') return [{ admin: [] }]
  return isForPrograms(access) ? [{ apiKey: [] }] : [{ cookie: [] }, { bearer: [] }]
}

function describeAccess(access: Access | undefined): string {
  if (access === 'public') return 'Anybody may call this.'
  if (access === 'session') return 'Any signed-in person may call this.'
  if (access === 'platform-admin') return 'For platform admins, in a session of the admin app.'
  if (access === 'hub') return 'Any live API key may call this.'
  if (isForPrograms(access)) return `Needs an API key with the scope \`${access.slice('hub:'.length)}\`.`
  return `Needs the permission \`${access}\` in the workspace.`
}

function headersOf(access: Access | undefined, idempotency: string | undefined) {
  const properties: Record<string, unknown> = {}
  if (access !== 'public' && access !== 'session' && access !== 'platform-admin') {
    properties['x-nora-workspace'] = {
      type: 'string',
      format: 'uuid',
      description: isForPrograms(access) ? 'Only the key’s own.' : 'Default: the personal workspace.',
    }
  }
  if (idempotency === 'answer' || idempotency === 'credential') {
    properties['idempotency-key'] = { type: 'string', maxLength: 200 }
  }
  return Object.keys(properties).length === 0 ? undefined : { type: 'object', properties }
}
