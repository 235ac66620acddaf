/**
 * Makes calls share their work: one runs, and everybody who calls meanwhile waits for one more run that begins after
 * it, so that each caller gets a run that began after the call.
 */
export function oneAtATime<T>(run: () => Promise<T>): () => Promise<T> {
  let current: Promise<T> | undefined
  let next: Promise<T> | undefined
  const begin = (): Promise<T> => {
    next = undefined
    const mine = run().finally(() => {
      if (current === mine && !next) current = undefined
    })
    current = mine
    return mine
  }
  return () => {
    if (!current) return begin()
    next ??= current.then(begin, begin)
    return next
  }
}
