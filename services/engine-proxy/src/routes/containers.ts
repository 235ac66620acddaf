import { foreignView } from '../foreign.ts'
import { requireKeysMount } from '../keys-mount.ts'
import { judgeArchive } from '../policy/archive.ts'
import { type AllowedContainer, judgeContainer } from '../policy/containers.ts'
import { spokenLabel } from '../policy/labels.ts'
import { namesOf, type Role } from '../policy/ours.ts'
import { printable } from '../policy/rules.ts'
import { Refusal } from '../refusal.ts'
import type { Asked, Route, RouteDeps, Verdict } from '../routes.ts'

const yes = /^(1|true)$/
const yesOrNo = /^(0|1|true|false)$/
const running: readonly Role[] = ['agent', 'gateway']
const every: readonly Role[] = ['agent', 'gateway', 'hand-over']
const archiveBytes = 8 * 1024 * 1024

/**
 * Containers. What is done to one that is there is done to the id that was looked at, so that a rename between the look and
 * the deed changes nothing.
 */
export function containerRoutes(deps: RouteDeps): Route[] {
  const { ours, owners } = deps
  const on =
    (roles: readonly Role[], method: Route['method'], verb: string, deadlineMs?: number) =>
    async ({ parts: [name = ''], query, signal }: Asked): Promise<Verdict> => {
      const { id } = await owners.container(name, roles, signal)
      const path = `/containers/${id}${verb}`
      return { method, path, query, ...(deadlineMs && { deadlineMs }) }
    }
  const named = (verb: string) => new RegExp(`^/containers/([^/]+)${verb}$`)
  return [
    {
      method: 'GET',
      path: named('/json'),
      async judge({ parts: [name = ''], signal }) {
        try {
          return { answer: (await owners.container(name, every, signal)).bytes }
        } catch (error) {
          return { answer: foreignView(error, name, ours) }
        }
      },
    },
    {
      method: 'GET',
      path: named('/logs'),
      parameters: {
        ...{ stdout: yes, stderr: yes, timestamps: yes, follow: yesOrNo },
        ...{ since: /^\d{1,12}(\.\d{1,9})?$/, tail: /^\d{1,9}$/ },
      },
      judge: on(running, 'GET', '/logs'),
    },
    {
      method: 'GET',
      path: named('/stats'),
      // A stream of them is not what the worker asks for.
      parameters: { stream: /^(0|false)$/, 'one-shot': yes },
      async judge(asked) {
        if (!asked.query.has('stream')) throw new Refusal('the parameter stream must be false')
        return on(['agent'], 'GET', '/stats')(asked)
      },
    },
    { method: 'POST', path: /^\/containers\/create$/, parameters: createParameters, judge: create(deps) },
    {
      method: 'POST',
      path: named('/start'),
      async judge({ parts: [name = ''], signal }) {
        // A mount's source is looked for anew at each start.
        const owned = await owners.postured(name, running, signal)
        if (owned.role === 'agent') requireKeysMount(ours.keysDir)
        return { method: 'POST', path: `/containers/${owned.id}/start` }
      },
    },
    {
      method: 'POST',
      path: named('/stop'),
      parameters: { t: /^\d{1,3}$/ },
      judge: on(running, 'POST', '/stop', 600_000),
    },
    {
      method: 'POST',
      path: named('/kill'),
      parameters: { signal: /^SIG(HUP|INT|QUIT|TERM|KILL|USR1|USR2|WINCH)$/ },
      judge: on(running, 'POST', '/kill'),
    },
    { method: 'POST', path: named('/unpause'), judge: on(running, 'POST', '/unpause') },
    {
      method: 'POST',
      path: named('/rename'),
      parameters: { name: /^[a-z0-9-]{1,100}$/ },
      async judge({ parts: [name = ''], query, signal }) {
        const { id, agentId } = await owners.container(name, ['agent'], signal)
        if (agentId === undefined || query.get('name') !== namesOf(ours, agentId).container)
          throw new Refusal('a container may be given the name of its own agent alone')
        return { method: 'POST', path: `/containers/${id}/rename`, query }
      },
    },
    {
      method: 'DELETE',
      path: named(''),
      parameters: { force: yes, v: yes },
      judge: on(every, 'DELETE', ''),
    },
    {
      method: 'PUT',
      path: named('/archive'),
      parameters: { path: /^\/(keys)?$/ },
      async judge({ parts: [name = ''], query, bytes, signal }) {
        const helper = await owners.postured(name, ['hand-over'], signal)
        requireKeysMount(ours.keysDir)
        const archive = await bytes(archiveBytes)
        const problem = judgeArchive(archive)
        if (problem !== undefined) throw new Refusal(problem)
        return { method: 'PUT', path: `/containers/${helper.id}/archive`, query, archive }
      },
    },
  ]
}

const createParameters = { name: /^[a-z0-9][a-z0-9-]{0,127}$/ }

const create =
  (deps: RouteDeps) =>
  async ({ query, json, signal }: Asked): Promise<Verdict> => {
    const body = await json()
    const allowed = judgeContainer(deps.ours, query.get('name') ?? '', body)
    if ('refused' in allowed) throw new Refusal(allowed.refused)
    if (allowed.mountsKeys) requireKeysMount(deps.ours.keysDir)
    await requireSilence(deps, allowed, signal)
    await requireOthers(deps, allowed, signal)
    return { method: 'POST', path: '/containers/create', query, json: body }
  }

/** No label of its image goes on speaking. By the id, under which the engine has this image and no other when it makes the container. */
async function requireSilence(
  { owners }: RouteDeps,
  { silences }: AllowedContainer,
  signal: AbortSignal,
): Promise<void> {
  if (silences === undefined) return
  const image = await owners.image(silences.image, signal)
  const spoken = spokenLabel(image.labels, silences.labels)
  if (spoken !== undefined)
    throw new Refusal(`Labels.${printable(spoken)} must be there and empty, since the image has it`)
}

/** What the container is to use is ours, as well as the container itself. */
async function requireOthers(
  { owners, gatewayImage }: RouteDeps,
  { network, volume, gatewayImage: asked }: AllowedContainer,
  signal: AbortSignal,
): Promise<void> {
  if (network !== undefined) await owners.network(network, ['network', 'control'], signal)
  if (volume !== undefined) {
    const found = await owners.plainVolume(volume.name, signal)
    if (found === 'absent' && volume.must === 'be-there') throw new Refusal('No such volume.', 404)
  }
  if (asked === undefined || gatewayImage === undefined) return
  if (asked !== (await owners.image(gatewayImage, signal)).id)
    throw new Refusal('Image must be that of NORA_IMAGE_GATEWAY')
}
