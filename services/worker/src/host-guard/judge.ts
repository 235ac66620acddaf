import type { ReachAnswer } from '../gateway/control-client.ts'

/** The guard writes its file each second. */
export const staleMs = 10_000
/** What every reason that holds a start back begins with. */
export const waiting = 'waiting for the host guard'
const doctor = 'run ./setup.sh --doctor'

/** Why no agent may start, in a person's words, from what was met inside the pool; undefined: this host is closed. */
export function judgeReach(answers: readonly ReachAnswer[] | undefined): string | undefined {
  if (!answers || answers.length === 0)
    return `${waiting}: no gateway stands yet from which to look at this host`
  const wrong = answers.find(({ outcome }) => outcome !== 'no-answer')
  if (!wrong) return undefined
  // A refusal is an answer too: the packet arrived.
  if (['open', 'ECONNREFUSED', 'ECONNRESET'].includes(wrong.outcome))
    return `${waiting}: an agent could reach this host at ${wrong.address} (${doctor})`
  return `${waiting}: whether an agent can reach ${wrong.address} could not be found out (${wrong.outcome})`
}

/**
 * The same from the guard's status file: a probe sees the host's side, the file says that all rules stand, those between
 * agents too. `text` is undefined when there is no file. A file of an age that no guard leaves means that it is gone.
 */
export function judgeStatus(text: string | undefined, now: number): string | undefined {
  if (text === undefined) return `${waiting}: it has not said yet that its rules stand (${doctor})`
  const { ok, at, reason } = parse(text)
  const age = now - Date.parse(String(at))
  if (!(Math.abs(age) < staleMs)) return `${waiting}: it has stopped saying that its rules stand (${doctor})`
  if (ok !== true) return `${waiting}: its rules do not stand: ${String(reason).slice(0, 200)} (${doctor})`
  return undefined
}

function parse(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>
  } catch {
    return {}
  }
}
