import type { Logger } from '@nora/log/logger'
import type { Reporter } from './reporter.ts'

/** Tells of an error that nobody caught before the process ends by it, as it would have without us: with exit code 1. */
export function reportCrash(reporter: Reporter, log: Logger, flushMs = 2_000): void {
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'an error that nobody caught ends the process')
    void reporter.flush(flushMs).then(() => process.exit(1))
  })
}
