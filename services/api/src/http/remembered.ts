/** A function's answers for those texts that were asked about last, up to a bound. */
export function remembered<T>(make: (text: string) => T, most = 1_000): (text: string) => T {
  const known = new Map<string, T>()
  return (text) => {
    const found = known.get(text)
    if (found !== undefined) return found
    const made = make(text)
    known.set(text, made)
    if (known.size > most) known.delete(known.keys().next().value!)
    return made
  }
}
