import { benches } from './benches.ts'
import { benchServices } from './services.ts'

// One bench in a process of its own, so that no bench inherits another's heap or compiled code: run.ts starts it.

const [name, mode] = process.argv.slice(2)
const bench = benches.find((one) => one.name === name)
if (!bench || !process.send) throw new Error('started by bench/run.ts only')
const signal = AbortSignal.timeout(bench.deadlineMs)
const services = benchServices(signal)
const late = new Promise<never>((_, reject) => {
  signal.addEventListener('abort', () =>
    reject(new Error(`not done within ${Math.round(bench.deadlineMs / 1000)} s`)),
  )
})
try {
  const say = (line: string) => process.stdout.write(`    ${line}\n`)
  const run = bench.run({ signal, say, quick: mode === 'quick', services })
  process.send(await Promise.race([run, late]))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  process.exitCode = 1
} finally {
  await services.close()
  // What a bench left open must not keep the rest waiting.
  process.disconnect()
  setTimeout(() => process.exit(), 5_000).unref()
}
