import { type Static, Type } from 'typebox'
import { Resources } from './agents.ts'
import { oneOf, orNull } from './wire.ts'

const strict = { additionalProperties: false } as const

const Asked = (what: string) =>
  oneOf(['required', 'optional', 'no'], {
    description: `Whether ${what} is to be filled in; \`no\`: it is refused.`,
  })

const RuntimeOption = Type.Object(
  {
    name: Type.String({ description: 'For `runtime` of `POST agents`' }),
    title: Type.String(),
    description: Type.String(),
    chat: Type.Boolean({
      description: 'Whether it answers `POST agents/:id/invoke/v1/chat/completions`',
    }),
    asks: Type.Object(
      { image: Asked('an image'), command: Asked('a command'), port: Asked('a port') },
      strict,
    ),
    keyKinds: Type.Array(oneOf(['llm', 'integration', 'exchange']), {
      description: 'The kinds of credentials it knows what to do with; others may be attached, too.',
    }),
    defaults: Resources,
    minimum: Resources,
  },
  strict,
)

const Choice = Type.Object(
  {
    name: Type.String(),
    title: Type.String(),
    available: Type.Boolean(),
    reason: Type.String({ description: 'What choosing it means, or why it cannot be chosen: a sentence.' }),
  },
  strict,
)
export type Choice = Static<typeof Choice>

/** What a form that deploys an agent offers in one workspace, and why. */
export const DeployOptions = Type.Object(
  {
    runtimes: Type.Array(RuntimeOption),
    targets: Type.Array(Choice),
    sandboxProfiles: Type.Array(Choice),
    quotas: Type.Object(
      {
        agents: Type.Object(
          {
            limit: Type.Integer({ description: 'Of this workspace' }),
            used: Type.Integer({ description: 'By this workspace' }),
            left: Type.Integer({
              description: 'How many more this workspace may make; 0 where the server is full',
            }),
            limitedBy: Type.Unsafe<'workspace' | 'server' | null>({
              type: ['string', 'null'],
              enum: ['workspace', 'server', null],
              description:
                'null while one more can be made. `server`: all workspaces together have as many as the operator allows.',
            }),
          },
          strict,
        ),
        perAgent: Type.Object(
          {
            cpus: Type.Number(),
            memoryMb: Type.Integer(),
            diskMb: Type.Integer(),
            pids: Type.Integer(),
          },
          { ...strict, description: 'The most of each that one agent may be given.' },
        ),
      },
      strict,
    ),
    diskEnforced: orNull(
      Type.Boolean({
        description:
          'Whether the storage itself held the newest agent of this workspace to its disk limit; null: not known before the first one has been provisioned. Where it is false, disk is measured.',
      }),
    ),
  },
  { $id: 'DeployOptions', ...strict },
)
export type DeployOptions = Static<typeof DeployOptions>
