const units = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const

/** A length of time in its one or two greatest units: `45 s`, `3 min 20 s`, `2 d 4 h`. */
export function howLong(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  const first = units.findIndex(([, size]) => whole >= size)
  if (first === -1) return '0 s'
  const [name, size] = units[first]!
  const [nextName, nextSize] = units[first + 1] ?? ['', 1]
  const rest = Math.floor((whole % size) / nextSize)
  return `${Math.floor(whole / size)} ${name}${nextName !== '' && rest > 0 ? ` ${rest} ${nextName}` : ''}`
}
