import { randomUUID } from 'node:crypto'
import { scrubText } from '@nora/log/scrub'
import { REDACTED } from '@nora/log/sensitive-keys'

/** What of a log line is told: everything else stays at home. Ids of ours and words of ours, nobody's address or name. */
const told = [
  'service',
  'correlationId',
  'code',
  'loop',
  'step',
  'alert',
  'agentId',
  'operationId',
  'gateway',
] as const

const mostCauses = 5
const mostFrames = 50
const mostChars = 2_000

type Line = Record<string, unknown> & { err?: Failure }
type Failure = { type?: unknown; message?: unknown; stack?: unknown; cause?: Failure }
export type Event = { id: string; text: string }

/**
 * The event (https://develop.sentry.dev/sdk/data-model/event-payloads/) that a finished log line becomes, as the text that is sent. It has
 * no request, no user, no address, no host name, no environment of the process and no breadcrumbs. Undefined when the line held a secret, under
 * its name or by its shape: a line from which something was taken out is not told at all.
 */
export function eventOf(line: string, environment: string): Event | undefined {
  if (line.includes(REDACTED)) return undefined
  const fields = parse(line)
  if (!fields) return undefined
  const id = randomUUID().replaceAll('-', '')
  const text = JSON.stringify({
    event_id: id,
    timestamp: fields['time'],
    platform: 'node',
    level: fields['level'] === 'fatal' ? 'fatal' : 'error',
    environment,
    logger: fields['service'],
    logentry: { formatted: short(fields['msg']) },
    tags: Object.fromEntries(
      told.flatMap((name) => (isPlain(fields[name]) ? [[name, short(fields[name], 200)]] : [])),
    ),
    ...(fields.err && { exception: { values: causes(fields.err) } }),
  })
  // Once more over all of it: what was harmless apart may not be so together.
  return scrubText(text) === text ? { id, text } : undefined
}

function parse(line: string): Line | undefined {
  try {
    return JSON.parse(line) as Line
  } catch {
    return undefined // a line that is no JSON is nobody's to tell
  }
}

const isPlain = (value: unknown) => typeof value === 'string' || typeof value === 'number'
const short = (value: unknown, chars = mostChars) => (isPlain(value) ? String(value).slice(0, chars) : '')

/** The innermost cause first, as the format wants it. */
function causes(err: Failure): object[] {
  const list: object[] = []
  let at: Failure | undefined = err
  while (typeof at === 'object' && at !== null && list.length < mostCauses) {
    const frames = framesOf(short(at.stack, 20_000))
    list.unshift({
      type: short(at.type, 200) || 'Error',
      value: short(at.message),
      ...(frames.length > 0 && { stacktrace: { frames } }),
    })
    at = at.cause
  }
  return list
}

/** `    at run (file:///srv/nora/a.ts:3:7)`, the outermost call first. The folder it is installed in is nobody's business. */
function framesOf(stack: string): object[] {
  return [...stack.matchAll(/^ +at (?:(.{1,200}?) \()?(?:file:\/\/)?([^\s()]{1,500}):(\d+):(\d+)\)?$/gm)]
    .slice(0, mostFrames)
    .map(([, name, file, line, column]) => ({
      ...(name && { function: name }),
      filename: file!.replace(/^.*\/(?=(?:services|shared|node_modules|migrations)\/)/, ''),
      lineno: Number(line),
      colno: Number(column),
      in_app: !/node:|node_modules/.test(file!),
    }))
    .reverse()
}
