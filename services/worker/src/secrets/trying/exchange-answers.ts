import { type Judgement, memberOf } from './call.ts'

export const mayMoveFunds = 'it may move funds out of the account; a key without that right is safer'
export const wrongKey = 'it does not know the API key, or not from this server’s address'
export const wrongSecret = 'the secret does not belong to the API key'
export const wrongPassphrase = 'the passphrase does not belong to the API key'
export const wrongClock = 'the clocks of this server and the exchange are too far apart'

/** Judges by a code in the answer: `good` is success, `why` says what others mean. */
export const byCode =
  (path: string[], good: string, why: Record<string, string>, remark?: (json: unknown) => boolean) =>
  (status: number, json: unknown): Judgement => {
    const code = memberOf(json, ...path)
    if (code === undefined) return undefined
    if (String(code) === good && status < 300) {
      return remark?.(json) ? { works: true, remark: mayMoveFunds } : { works: true }
    }
    const words = Object.hasOwn(why, String(code)) ? why[String(code)] : undefined
    if (words) return { works: false, why: words }
    return status < 300 ? { works: false, why: 'the exchange does not say why' } : undefined
  }
