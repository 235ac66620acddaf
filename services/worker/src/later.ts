/** Runs once `ms` after it was first armed; arming it meanwhile changes nothing. */
export function later(ms: number, run: () => void): { arm(): void; clear(): void } {
  let timer: NodeJS.Timeout | undefined
  return {
    arm() {
      timer ??= setTimeout(() => {
        timer = undefined
        run()
      }, ms)
    },
    clear: () => clearTimeout(timer),
  }
}
