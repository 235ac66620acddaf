import type { Judgement, KeyTest } from './call.ts'

export const refused = (reason: string): KeyTest => ({ outcome: 'refused', reason })

/** A call's answer in words: by what its form read out of it, else by its status. */
export function judge(host: string, status: number, judgement: Judgement): KeyTest {
  if (judgement?.works) {
    const remark = judgement.remark ? `; ${judgement.remark}` : ''
    return { outcome: 'works', reason: `${host} accepted the key${remark}` }
  }
  if (judgement) return refused(`${host} refused the key: ${judgement.why}`)
  if (status >= 200 && status < 300) return { outcome: 'works', reason: `${host} accepted the key` }
  if (status === 401 || status === 403) return refused(`${host} refused the key (HTTP ${status})`)
  if (status === 429) return refused(`${host} answered that there were too many requests (HTTP 429)`)
  if (status >= 300 && status < 400) return refused(`${host} answered with a redirect, which is not followed`)
  return refused(`${host} answered HTTP ${status}: whether the key works is not known`)
}
