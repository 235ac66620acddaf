import type { Layout } from '../layout.ts'
import { listRotations, rotationNamed } from './list.ts'
import { type Asked, advance, type Outcome } from './rotate.ts'

/** Exit codes that tell setup.sh what is next; anything else is an error. */
export const rotateExits: Record<Outcome['next'], number> = { done: 0, restart: 10, wait: 11 }

/** Without a name: lists what can be exchanged. Gives the exit code. */
export async function rotateCommand(
  layout: Layout,
  text: string | undefined,
  asked: Asked,
  say: (line: string) => void,
): Promise<number> {
  if (text === undefined) {
    for (const line of await listRotations(layout)) say(line)
    return 0
  }
  const { next, lines } = await advance(layout, rotationNamed(text), asked)
  for (const line of lines) say(`  ${line}`)
  return rotateExits[next]
}
