import { ApiProblem } from '@nora/client/problem'
import { fieldErrors, problemWords } from '@nora/ui/lib/problem-words'
import { type FormEvent, useState } from 'react'

/** Gives what somebody typed into the field of this name. */
export type Entered = (name: string) => string
type Errors = Record<string, string | undefined>

type Codes = Record<string, readonly [field: string, words?: string]>

type EntryOptions = {
  /** What is wrong before anything is sent, by the names of the fields. */
  check?: (entered: Entered) => Errors
  /** Sends it; `keep` leaves what was typed in its place. */
  send: (entered: Entered) => Promise<unknown>
  /** Refusals that belong to one field: by their code its name, and other words than the refusal's own. */
  codes?: Codes
}

/**
 * A form whose fields keep what is typed to themselves, so that no password is ever in the state of a page. The form is cleared
 * once it was sent well; the first field that is wrong gets the focus.
 */
export function useEntry({ check, send, codes = {} }: EntryOptions) {
  const [busy, setBusy] = useState(false)
  const [errors, setErrors] = useState<Errors>({})
  const [error, setError] = useState<unknown>()

  const refuse = (form: HTMLFormElement, wrong: Errors) => {
    setErrors(wrong)
    const first = [...form.elements].find((element) => wrong[(element as HTMLInputElement).name])
    if (first instanceof HTMLElement) first.focus()
    return first !== undefined
  }
  const onSubmit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = event.currentTarget
    if (busy) return
    const values = new FormData(form)
    const entered: Entered = (name) => String(values.get(name) ?? '')
    setError(undefined)
    if (refuse(form, check?.(entered) ?? {})) return
    setBusy(true)
    try {
      if ((await send(entered)) !== 'keep') form.reset()
    } catch (problem) {
      if (!refuse(form, errorsOf(problem, codes))) setError(problem)
    } finally {
      setBusy(false)
    }
  }
  const field = (name: string) => ({
    name,
    error: errors[name],
    onInput: () => errors[name] !== undefined && setErrors({ ...errors, [name]: undefined }),
  })
  return { onSubmit, busy, error, field }
}

function errorsOf(problem: unknown, codes: Codes): Errors {
  const known = problem instanceof ApiProblem ? codes[problem.code] : undefined
  if (!known) return fieldErrors(problem)
  const [name, words] = known
  if (words !== undefined) return { [name]: words }
  const { text, detail } = problemWords(problem)
  return { [name]: detail === undefined ? text : `${text} ${detail}` }
}

/** What is wrong with an e-mail address at first sight; the server looks more closely. */
export const emailError = (email: string): string | undefined =>
  /^[^\s@]+@[^\s@]+$/.test(email.trim()) ? undefined : 'Give your e-mail address.'
