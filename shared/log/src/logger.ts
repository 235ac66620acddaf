import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino'
import { redact } from './redact.ts'
import { scrubText } from './scrub.ts'

/** What the rest of Nora logs with: pino's interface. */
export type Logger = PinoLogger
export type Level = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'

export type LoggerOptions = {
  /** Stands in every line as `service`. */
  readonly service: string
  readonly level: Level
  /** Where lines go, one `write` a line. Standard output unless given, written at once so that a crash loses none. */
  readonly destination?: DestinationStream
  /** Gets every finished line of level error and fatal, redacted and scrubbed as it is written. Must not throw. */
  readonly onError?: ((line: string) => void) | undefined
}

type Serializer = (value: unknown) => unknown

/**
 * Makes a JSON logger that does not write secrets, whichever way they come in: objects, errors and their causes,
 * format arguments, bindings of child loggers and serializers' answers go through `redact`; the finished line goes
 * through `scrubText`, whatever it was made of.
 */
export function createLogger({ service, level, destination, onError }: LoggerOptions): Logger {
  const logger = pino(
    {
      level,
      base: { service, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // pino's own error serializer would put back what redact() took out of an error.
      serializers: { err: redact },
      hooks: { logMethod, streamWrite: onError ? (line) => tell(scrubLine(line), onError) : scrubLine },
    },
    destination ?? pino.destination({ fd: 1, sync: true }),
  )
  guardBindings(logger)
  return logger
}

// Before pino sees them: it would stringify objects into the message (%o, %j, an object as message) as they are.
function logMethod(this: PinoLogger, args: Parameters<pino.LogFn>, method: pino.LogFn): void {
  const [first, ...rest] = args as unknown[]
  const safeRest = rest.map(redactObject)
  if (first instanceof Error) {
    const message = rest.length > 0 ? safeRest : [first.message]
    method.apply(this, [{ err: first }, ...message] as Parameters<pino.LogFn>)
    return
  }
  const serializers = (this as unknown as Record<symbol, Record<string, Serializer>>)[
    pino.symbols.serializersSym
  ]
  const safeFirst = redactFields(first, serializers ?? {})
  method.apply(this, [safeFirst, ...safeRest] as Parameters<pino.LogFn>)
}

// A field that has a serializer is left to it: it needs the real thing, and answers through redact().
function redactFields(first: unknown, serializers: Record<string, Serializer>): unknown {
  if (typeof first !== 'object' || first === null) return first
  try {
    const kept = Object.keys(first).filter((name) => Object.hasOwn(serializers, name))
    const safe = redact(kept.length === 0 ? first : { ...first, ...blank(kept) })
    // A lone value (a Buffer, a Date, a list) has no fields to merge into the line.
    if (typeof safe !== 'object' || safe === null || Array.isArray(safe)) return { value: safe }
    const fields = safe as Record<string, unknown>
    for (const name of kept) fields[name] = (first as Record<string, unknown>)[name]
    return fields
  } catch {
    return { value: redact(first) } // a getter that throws: redact() reads field by field and survives it
  }
}

const blank = (names: string[]) => Object.fromEntries(names.map((name) => [name, undefined]))
const redactObject = (value: unknown) => (typeof value === 'object' && value !== null ? redact(value) : value)

// Children inherit these two from the root, so there is no child without them.
function guardBindings(root: PinoLogger): void {
  const { child, setBindings } = root
  Object.assign(root, {
    child(this: PinoLogger, bindings: object, options?: { serializers?: Record<string, Serializer> }) {
      const guarded = options?.serializers
        ? { ...options, serializers: guardSerializers(options.serializers) }
        : options
      return child.call(
        this,
        redactFields(bindings, options?.serializers ?? {}) as pino.Bindings,
        guarded as never,
      )
    },
    setBindings(this: PinoLogger, bindings: object) {
      setBindings.call(this, redact(bindings) as pino.Bindings)
    },
  })
}

function guardSerializers(serializers: Record<string, Serializer>): Record<string, Serializer> {
  const names = Reflect.ownKeys(serializers) as string[]
  return Object.fromEntries(
    names.map((name) => [name, (value: unknown) => redact(serializers[name]!(value))]),
  )
}

// pino writes the level first.
function tell(line: string, onError: (line: string) => void): string {
  if (/^\{"level":"(?:error|fatal)"/.test(line)) onError(line)
  return line
}

// A value that a scrub of the whole line would cut across JSON's own quotes is scrubbed string by string instead.
function scrubLine(line: string): string {
  const clean = scrubText(line)
  if (clean === line || isJson(clean)) return clean
  const lost = {
    level: 'error',
    time: new Date().toISOString(),
    msg: 'a log line was dropped: it was not JSON',
  }
  return `${JSON.stringify(isJson(line) ? redact(JSON.parse(line)) : lost)}\n`
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line)
    return true
  } catch {
    return false
  }
}
