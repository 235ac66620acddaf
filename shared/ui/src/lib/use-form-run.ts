import { type RefObject, type SyntheticEvent, useEffect, useRef, useState } from 'react'
import { fieldErrors } from './problem-words.ts'

/** What a form does with its content; `button` is the value of the button that sent it. */
export type FormRun = (form: FormData, button: string) => Promise<Record<string, string> | undefined>

export type FormState = {
  formRef: RefObject<HTMLFormElement | null>
  busy: boolean
  /** What went wrong that no single field can be blamed for. */
  error: unknown
  /** What is wrong with single fields, by name. */
  fields: Record<string, string>
  onSubmit: (event: SyntheticEvent<HTMLElement>) => void
}

/**
 * Sends a form whose fields are not controlled, so that a secret is in no state of the page: it is read from its field, sent,
 * and forgotten. Keeps no variables either, as a mutation would. The first field that is wrong gets the focus.
 */
export function useFormRun(run: FormRun): FormState {
  const formRef = useRef<HTMLFormElement>(null)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const [fields, setFields] = useState<Record<string, string>>({})
  useEffect(() => {
    if (Object.keys(fields).length > 0)
      formRef.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus()
  }, [fields])
  const onSubmit = async (event: SyntheticEvent<HTMLElement>) => {
    event.preventDefault()
    const form = formRef.current
    if (!form || busy) return
    const pressed = event.currentTarget instanceof HTMLButtonElement ? event.currentTarget.value : ''
    setBusy(true)
    setError(undefined)
    setFields({})
    try {
      const wrong = (await run(new FormData(form), pressed)) ?? {}
      setFields(wrong)
      // Nothing that was sent stays, not even while the dialogue goes.
      if (Object.keys(wrong).length === 0) form.reset()
    } catch (problem) {
      const wrong = fieldErrors(problem)
      setFields(wrong)
      if (!placed(form, wrong)) setError(problem)
    } finally {
      setBusy(false)
    }
  }
  return { formRef, busy, error, fields, onSubmit: (event) => void onSubmit(event) }
}

/** Whether everything that is wrong has its place: a field of that name, or what says that it shows it (`data-shows`). */
const placed = (form: HTMLFormElement, wrong: Record<string, string>) =>
  Object.keys(wrong).length > 0 &&
  Object.keys(wrong).every(
    (name) =>
      form.elements.namedItem(name) !== null ||
      form.querySelector(`[data-shows="${CSS.escape(name)}"]`) !== null,
  )
