import { execFile } from 'node:child_process'

const deadlineMs = 10_000

/** Runs one of iptables' programs; `input` goes to its standard input. Throws with its own last words. */
function run(program: string, args: string[], input: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const bounded = {
      signal,
      timeout: deadlineMs,
      maxBuffer: 32 * 1024 * 1024,
      killSignal: 'SIGKILL' as const,
    }
    const child = execFile(program, args, bounded, (error, stdout, stderr) => {
      if (!error) return resolve(stdout)
      const words = stderr.trim().split('\n').at(-1) || error.message
      reject(new Error(`${program}: ${words}`, { cause: error }))
    })
    child.stdin?.on('error', () => undefined) // it ended early: its exit says why
    child.stdin?.end(input)
  })
}

/** The table `mangle` as `iptables-save` writes it. */
export const saveMangle = (signal: AbortSignal): Promise<string> =>
  run('iptables-save', ['-t', 'mangle'], '', signal)

/** Applies a text in one step; everything it does not name stays. */
export const restore = (text: string, signal: AbortSignal): Promise<string> =>
  run('iptables-restore', ['--noflush', '--wait', '5'], text, signal)
