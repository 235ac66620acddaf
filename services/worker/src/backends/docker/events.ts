import type { Readable } from 'node:stream'
import { BackendError, type BackendEvent } from '../backend.ts'
import type { Engine } from './engine.ts'
import { toBackendError } from './errors.ts'
import { label } from './names.ts'

const actions = ['start', 'die', 'oom', 'destroy', 'pause', 'unpause', 'rename'] as const

type EngineEvent = { Action?: string; Actor?: { ID?: string; Attributes?: Record<string, string> } }

/**
 * What happens to this installation's agents, from the moment of the call on. It ends only by an error: the signal's
 * reason, or `engine-unavailable` when the engine goes. The caller calls again and lists, since events in between
 * are lost.
 */
export async function* containerEvents(engine: Engine, signal: AbortSignal): AsyncGenerator<BackendEvent> {
  const stream = await openEvents(engine, signal)
  let rest = ''
  try {
    for await (const chunk of stream) {
      rest += (chunk as Buffer).toString('utf8')
      const lines = rest.split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const event = line.trim() === '' ? undefined : toBackendEvent(JSON.parse(line) as EngineEvent)
        if (event) yield event
      }
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw toBackendError(error, "listening to the engine's events")
  } finally {
    stream.destroy()
  }
  signal.throwIfAborted()
  throw new BackendError('engine-unavailable', "The engine's events ended; is it restarting?", {
    retry: true,
  })
}

async function openEvents(engine: Engine, signal: AbortSignal): Promise<Readable> {
  const labels = [`${label.installation}=${engine.installation}`, `${label.role}=agent`]
  const opening = new AbortController()
  const timer = setTimeout(() => opening.abort(), 10_000)
  try {
    const stream = await engine.docker.getEvents({
      filters: { type: ['container'], label: labels, event: [...actions] },
      abortSignal: AbortSignal.any([signal, opening.signal]),
    })
    return stream as Readable
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw toBackendError(error, "listening to the engine's events")
  } finally {
    clearTimeout(timer)
  }
}

function toBackendEvent(event: EngineEvent): BackendEvent | undefined {
  const agentId = event.Actor?.Attributes?.[label.agent]
  const containerId = event.Actor?.ID
  const action = actions.find((one) => one === event.Action)
  return agentId && containerId && action ? { agentId, containerId, action } : undefined
}
