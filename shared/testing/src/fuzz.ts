import fc from 'fast-check'
import { leastCpuMs } from './own-time.ts'

const setting = (name: string, fallback: number) => {
  const value = Number(process.env[name])
  return Number.isSafeInteger(value) && value > 0 ? value : fallback
}

/** How often a property is tried: `NORA_FUZZ_RUNS`, 300 unless set. */
export const fuzzRuns = setting('NORA_FUZZ_RUNS', 300)
/** Where chance begins, the same each time: `NORA_FUZZ_SEED` begins elsewhere. */
export const fuzzSeed = setting('NORA_FUZZ_SEED', 20_261_125)

fc.configureGlobal({ seed: fuzzSeed, numRuns: fuzzRuns })

/** fast-check with the seed and the runs above; a failure says how to repeat it. */
export { fc }

/** One UTF-16 unit: control characters and halves of pairs are as likely as letters. */
const unit = fc.oneof(
  fc.integer({ min: 0, max: 0xffff }),
  fc.integer({ min: 0x20, max: 0x7e }),
  fc.constantFrom(0, 0x0a, 0x0d, 0x2028, 0xd800, 0xdfff, 0xfeff, 0xff0e),
)
const anyText = fc.array(unit, { maxLength: 80 }).map((units) => String.fromCharCode(...units))

/** What makes a careless pattern go back and forth: few characters, very often. */
const longText = fc
  .tuple(fc.array(unit, { minLength: 1, maxLength: 3 }), fc.integer({ min: 500, max: 40_000 }), anyText)
  .map(([units, times, end]) => String.fromCharCode(...units).repeat(times) + end)

/** A text with one to three places changed, cut or doubled. */
const spoiled = (good: fc.Arbitrary<string>) =>
  fc
    .tuple(good, fc.array(fc.tuple(fc.nat(), fc.nat(5), anyText), { minLength: 1, maxLength: 3 }))
    .map(([text, changes]) =>
      changes.reduce((now, [place, cut, put]) => {
        const at = place % (now.length + 1)
        return now.slice(0, at) + put.slice(0, 3) + now.slice(at + cut)
      }, text),
    )

/** Text as somebody hostile writes it: anything at all, long runs, and the good ones given here, whole or a little spoiled. */
export function hostileText(...good: fc.Arbitrary<string>[]): fc.Arbitrary<string> {
  const near = good.flatMap((one) => [
    { arbitrary: one, weight: 1 },
    { arbitrary: spoiled(one), weight: 3 },
  ])
  return fc.oneof({ arbitrary: anyText, weight: 3 }, { arbitrary: longText, weight: 1 }, ...near)
}

/** Bytes, few or many. */
export const hostileBytes = fc
  .oneof(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ minLength: 300, maxLength: 5_000 }))
  .map((bytes) => Buffer.from(bytes))

const mostCpuMs = 1_000

/**
 * What `read` gives, or undefined when it throws the error that it declares. Throws when it throws anything else, or thinks
 * for longer than a second of processor time.
 */
export function readingOf<T>(
  read: () => T,
  isDeclared: (error: unknown) => boolean = () => false,
): T | undefined {
  const before = process.threadCpuUsage()
  const outcome = attempt(read)
  const { user, system } = process.threadCpuUsage(before)
  if ((user + system) / 1000 > mostCpuMs) {
    // A machine that stands still may count that as work: only what is slow each time is slow.
    const leastMs = leastCpuMs(() => attempt(read))
    if (leastMs > mostCpuMs) throw new Error(`it took ${leastMs} ms to read`)
  }
  if ('value' in outcome) return outcome.value
  if (isDeclared(outcome.error)) return undefined
  throw new Error('an error that is not declared was thrown', { cause: outcome.error })
}

function attempt<T>(read: () => T): { value: T } | { error: unknown } {
  try {
    return { value: read() }
  } catch (error) {
    return { error }
  }
}
