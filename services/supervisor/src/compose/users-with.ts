import { execFile } from 'node:child_process'

/**
 * The users of this machine, wherever they are kept (getent(1)), that have one of these uids: a container's files are theirs too.
 * Empty where there is no getent.
 */
export const usersWith = (uids: readonly number[]): Promise<string[]> =>
  new Promise((resolve) => {
    // Its exit says that some were not found, and its output has those that were.
    execFile('getent', ['passwd', ...uids.map(String)], { timeout: 10_000 }, (_error, stdout) => {
      const lines = stdout.split('\n').map((line) => line.split(':'))
      resolve(lines.flatMap(([name, , uid]) => (name && uids.includes(Number(uid)) ? [name] : [])))
    })
  })
