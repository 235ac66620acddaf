export const shortestPassword = 12

/** `level` 0 is refused by the server; 1 is easy to guess, 2 is good, 3 is very good. */
export type Strength = { level: 0 | 1 | 2 | 3; words: string }

const rows = ['abcdefghijklmnopqrstuvwxyz', '01234567890', 'qwertyuiop', 'asdfghjkl', 'zxcvbnm']
const common = [
  'password',
  'passwort',
  'passw0rd',
  'welcome',
  'letmein',
  'admin',
  'iloveyou',
  'dragon',
  'nora',
]

/**
 * A hint at how hard a password is to guess; only its length decides whether the server takes it. What repeats, what stands
 * beside each other on a keyboard or in the alphabet, and what others know of the person (`known`) counts little.
 */
export function strengthOf(password: string, known: readonly string[] = []): Strength {
  const missing = shortestPassword - [...password].length
  if (missing > 0) {
    const more = missing === 1 ? 'one more character' : `${missing} more characters`
    return { level: 0, words: password === '' ? 'At least 12 characters.' : `Too short: ${more}.` }
  }
  const bits = weight(password.toLowerCase(), guessable(known)) * Math.log2(alphabet(password))
  if (bits < 50) return { level: 1, words: 'Easy to guess: make it longer or less regular.' }
  if (bits < 75) return { level: 2, words: 'Good.' }
  return { level: 3, words: 'Very good.' }
}

const guessable = (known: readonly string[]) =>
  [...known.flatMap((text) => text.toLowerCase().split(/[^\p{L}\p{N}]+/u)), ...common].filter(
    (word) => word.length > 2,
  )

/** How many characters one would have to guess. */
function weight(password: string, words: string[]): number {
  let rest = password
  let sum = 0
  for (const word of words)
    if (rest.includes(word)) {
      rest = rest.replaceAll(word, '\0')
      sum += 1
    }
  const seen = new Set<string>()
  const characters = [...rest].filter((character) => character !== '\0')
  characters.forEach((character, index) => {
    const before = characters[index - 1]
    const easy = before !== undefined && (before === character || besideEachOther(before, character))
    sum += easy ? 0.2 : seen.has(character) ? 0.8 : 1
    seen.add(character)
  })
  return sum
}

const besideEachOther = (one: string, other: string) =>
  rows.some((row) => row.includes(one + other) || row.includes(other + one))

function alphabet(password: string): number {
  const kinds: [RegExp, number][] = [
    [/\p{Ll}|\p{Lo}/u, 26],
    [/\p{Lu}/u, 26],
    [/\d/, 10],
    [/[^\p{L}\d]/u, 20],
  ]
  return kinds.reduce((size, [kind, count]) => size + (kind.test(password) ? count : 0), 0)
}
