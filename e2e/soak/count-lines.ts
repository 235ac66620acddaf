import { assembleTinyImage } from '../../services/worker/src/images/tiny.ts'
import type { World } from '../world/world.ts'

// Ten lines each half second, each with the number of its run and its own.
const program = `
run=$(cat /proc/sys/kernel/random/uuid)
i=0
while :; do
  for _ in 1 2 3 4 5 6 7 8 9 10; do i=$((i + 1)); echo "count $run $i"; done
  sleep 0.5
done`

export const countingImage = async ({ docker }: World): Promise<string> =>
  (await assembleTinyImage(docker, { name: 'counting', cmd: ['/bin/sh', '-c', program] })).reference

export type Counted = { lines: number; runs: number; gaps: string[]; problems: string[] }
type Item = { seq: number; text?: string; gap?: { reason: string } }

/**
 * Reads the whole stored log of an agent that counts: each run's numbers must go up by one from one, and `seq` too. Where
 * a gap is said, numbers may be missing. With a container: what the engine still holds of it must be stored.
 */
export async function countStored(
  world: World,
  agentId: string,
  containerId: string | null,
): Promise<Counted> {
  const held = containerId === null ? [] : await heldByEngine(world, containerId)
  const counted: Counted = { lines: 0, runs: 0, gaps: [], problems: [] }
  const last = new Map<string, number>()
  let lastSeq = 0
  let gapBefore = false
  for await (const item of storedLines(world, agentId)) {
    if (item.gap) {
      counted.gaps.push(item.gap.reason)
      gapBefore = true
      lastSeq = (item.gap as { to?: number }).to ?? item.seq
      continue
    }
    const [, run, text] = /^count (\S+) (\d+)$/.exec(item.text ?? '') ?? []
    if (!run) counted.problems.push(`a line that nobody printed: ${item.text}`)
    else {
      const before = last.get(run)
      const number = Number(text)
      if (number !== (before ?? 0) + 1 && !(gapBefore && number > (before ?? 0))) {
        counted.problems.push(`seq ${item.seq}: line ${number} of run ${run} after line ${before ?? 'none'}`)
      }
      if (before === undefined) counted.runs++
      last.set(run, number)
    }
    if (item.seq !== lastSeq + 1) counted.problems.push(`seq ${item.seq} after ${lastSeq}`)
    lastSeq = item.seq
    gapBefore = false
    counted.lines++
  }
  for (const [run, number] of lastOf(held)) {
    const stored = last.get(run) ?? 0
    if (stored < number)
      counted.problems.push(`the engine holds line ${number} of ${run}, stored is ${stored}`)
  }
  return counted
}

async function* storedLines({ client }: World, agentId: string): AsyncGenerator<Item> {
  for (let after: string | null = '0'; after !== null; ) {
    const { status, body } = await client.get(`agents/${agentId}/logs?after=${after}&limit=1000`)
    if (status !== 200) throw new Error(`the log answered ${status} ${JSON.stringify(body)}`)
    yield* body['items'] as Item[]
    after = body['nextCursor'] as string | null
  }
}

async function heldByEngine({ docker }: World, containerId: string): Promise<string[]> {
  const output = await docker.getContainer(containerId).logs({ stdout: true, stderr: true, follow: false })
  return output.toString('latin1').match(/count [0-9a-f-]{36} \d+(?=\r?\n)/g) ?? []
}

function lastOf(lines: string[]): Map<string, number> {
  return new Map(lines.map((line) => [line.split(' ')[1]!, Number(line.split(' ')[2])]))
}
