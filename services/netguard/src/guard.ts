import { readFile } from 'node:fs/promises'
import { restore, saveMangle } from './iptables.ts'
import { readResolvers } from './resolvers.ts'
import { chainNames, guardRules, removeText, restoreText, standing } from './rules.ts'
import { type Allowed, parseAllow, type Settings } from './settings.ts'

export type Turn = {
  /** Whether the rules had to be written. */
  wrote: boolean
  /** Why, for people: `first start`, `something else changed them`, `what is allowed changed`. */
  why: string
  /** What was wrong with the file of allowed addresses: the last good list stays. */
  fileProblem: string | undefined
  rules: number
}

export type Guard = {
  /** Looks once, and writes the rules when they are not exactly as they should be. Throws when they cannot be written. */
  assert(signal: AbortSignal): Promise<Turn>
  /** Takes the rules away: for an uninstaller. */
  remove(signal: AbortSignal): Promise<void>
}

export type GuardParts = { resolvers(): Promise<string[]> }

/**
 * Keeps the rules of one installation in place. It compares what stands with what stood right after it wrote, so that
 * no difference escapes: a flush, a rule in front, one that was edited.
 */
export function createGuard(settings: Settings, parts: GuardParts = { resolvers: readResolvers }): Guard {
  const chains = chainNames(settings.installation)
  const { pool, stack } = settings
  let fromFile: Allowed[] = []
  let written = { text: '', ours: '' }

  async function readFileOfAllowed(): Promise<string | undefined> {
    if (!settings.allowFile) return undefined
    try {
      const parsed = parseAllow(await readFile(settings.allowFile, 'utf8'))
      if ('wrong' in parsed) return `${settings.allowFile}: ${parsed.wrong}`
      fromFile = parsed.entries
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return (error as Error).message
      fromFile = []
    }
    return undefined
  }

  return {
    async assert(signal) {
      const fileProblem = await readFileOfAllowed()
      const input = {
        chains,
        pool,
        stack,
        resolvers: await parts.resolvers(),
        allow: [...settings.allow, ...fromFile],
      }
      const { forward, input: entering } = guardRules(input)
      const wanted = [...forward, ...entering].join('\n')
      const rules = forward.length + entering.length
      const now = standing(await saveMangle(signal), chains)
      if (written.text === wanted && written.ours === now.ours) {
        return { wrote: false, why: '', fileProblem, rules }
      }
      const why =
        written.text === ''
          ? 'first start'
          : written.text === wanted
            ? 'something else changed them'
            : 'what is allowed changed'
      await restore(restoreText(input, now), signal)
      const after = standing(await saveMangle(signal), chains)
      // Two jumps and every rule, or another program writes at the same time.
      if (after.ours.split('\n').length !== rules + 2) {
        throw new Error(`the rules do not stand as written:\n${after.ours}`)
      }
      written = { text: wanted, ours: after.ours }
      return { wrote: true, why, fileProblem, rules }
    },
    async remove(signal) {
      const saved = await saveMangle(signal)
      if (!saved.includes(`:${chains.forward} `) || !saved.includes(`:${chains.input} `)) return
      await restore(removeText(chains, standing(saved, chains)), signal)
      written = { text: '', ours: '' }
    },
  }
}
