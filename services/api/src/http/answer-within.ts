const parts = 5

/**
 * The answer, or an error when there is none after `ms`. The time is waited for in parts, and what has arrived by its end is read
 * first: a process or a machine that stood still must not take its own stall, which ends at most one part, for the other side's silence.
 */
export function answerWithin<T>(ms: number, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    let left = parts
    let timer: NodeJS.Timeout
    const wait = () => {
      timer = setTimeout(() => {
        if (--left > 0) wait()
        else setImmediate(reject, new Error(`no answer within ${ms} ms`))
      }, ms / parts)
    }
    wait()
    answer.then(
      (value) => {
        clearTimeout(timer)
        resolve(value)
      },
      (error) => {
        clearTimeout(timer)
        reject(error)
      },
    )
  })
}
