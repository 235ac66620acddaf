import { printable } from '@nora/ui/lib/printable'
import { counted } from '@nora/ui/lib/words'
import { outcomeWords } from '../operation-words.ts'
import type { Event } from './timeline.ts'

const text = (value: unknown) => (typeof value === 'string' ? printable(value) : '')
const list = (value: unknown) => (Array.isArray(value) ? value : [])

const fieldNames: Record<string, string> = {
  name: 'name',
  image: 'image',
  cpus: 'processor',
  memory_mb: 'memory',
  disk_mb: 'disk',
  pids: 'processes',
  env: 'environment',
  config: 'configuration',
  command: 'command',
  port: 'port',
}

const stepWords: Record<string, string> = {
  'ensure-image': 'Looked for the image',
  'ensure-network': 'Made its private network',
  'ensure-storage': 'Made its volume',
  'deliver-keys': 'Delivered its keys',
  'ensure-container': 'Made its container',
  start: 'Started the program',
  'attach-gateway': 'Connected the gateway',
  route: 'Told the gateway its address',
  'await-healthy': 'Waited for the health check',
  'reload-keys': 'Told the program about its keys',
  'restore-name': 'Gave its container its name back',
  'record-crash': 'Read the last lines of the ended program',
  stop: 'Stopped the program',
  'remove-container': 'Removed its container',
  'remove-network': 'Removed its private network',
  'remove-storage': 'Removed its volume',
  'remove-keys': 'Removed its keys from memory',
}

/** What an event of an agent's timeline says, as a sentence; `labelOf` names a credential. */
export function timelineWords({ type, data }: Event, labelOf: (id: string) => string): string {
  const labels = (value: unknown) =>
    list(value)
      .map((id) => `“${labelOf(String(id))}”`)
      .join(', ')
  switch (type) {
    case 'agent.created':
      return 'The agent was made.'
    case 'agent.updated': {
      const fields = list(data['fields']).map((field) => fieldNames[String(field)] ?? String(field))
      return fields.length === 0 ? 'Its settings were changed.' : `Changed: ${fields.join(', ')}.`
    }
    case 'state.changed':
      return `Became ${text(data['state'])}: ${text(data['reason'])}`
    case 'drift.seen':
      return `Nora saw that it was not as it should be: ${text(data['reason'])}.`
    case 'keys.attached':
      return `Given: ${labels(data['providerKeyIds'])}.`
    case 'keys.detached':
      return `Taken away: ${labels(data['providerKeyIds'])}.`
    case 'keys.synced': {
      const refused = list(data['refused'])
      const gone =
        refused.length > 0 ? ` Not delivered, since its owner does not allow it: ${labels(refused)}.` : ''
      return `${counted(list(data['keys']).length, 'key')} delivered.${gone}`
    }
    case 'keys.failed':
      return `A key could not be delivered: ${text(data['reason'])}`
    case 'program.exited': {
      const failures = typeof data['failures'] === 'number' ? data['failures'] : 0
      const again = failures > 1 ? ` (${failures} times in a row)` : ''
      return `The program ended: ${text(data['reason'])}${again}.`
    }
    case 'operation.requested':
      return 'Asked for.'
    case 'step.started':
      return `${stepWords[text(data['step'])] ?? text(data['step'])}.`
    case 'operation.cancelled':
      return data['by'] === undefined ? 'Cancelled.' : `Cancelled for a ${text(data['by'])}.`
    case 'operation.finished': {
      const status = data['status'] as 'succeeded'
      const known = ['succeeded', 'failed', 'cancelled'].includes(status)
      return `${known ? outcomeWords({ kind: text(data['kind']), status }) : 'Ended'}: ${text(data['reason'])}`
    }
    default:
      return `${text(type).replace(/[._]/g, ' ')}.`
  }
}

/** "2.4 s", "3 min 12 s": how long something took. */
export function tookWords(from: string, to: string): string {
  const ms = Math.max(0, Date.parse(to) - Date.parse(from))
  if (ms < 60_000) return `${ms < 10_000 ? (ms / 1000).toFixed(1) : Math.round(ms / 1000)} s`
  const minutes = Math.floor(ms / 60_000)
  const rest = Math.round((ms % 60_000) / 1000)
  return minutes < 60 ? `${minutes} min ${rest} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
