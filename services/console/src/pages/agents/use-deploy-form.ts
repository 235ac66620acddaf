import { type UseFormReturnType, useForm } from '@mantine/form'
import { unwrap } from '@nora/client/client'
import { useQueryClient } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import { useWorkspace } from '../../session.tsx'
import { checkDeploy, type FormErrors, refusedFields } from './deploy-checks.ts'
import {
  bodyOf,
  type DeployOptions,
  type DeployValues,
  emptyForm,
  type Once,
  onceFor,
  type RuntimeOption,
} from './deploy-values.ts'

export type DeployForm = UseFormReturnType<DeployValues>

/** The form that deploys an agent: its fields, what was refused, and the id of the agent when it was accepted (`made`). */
export function useDeployForm(options: DeployOptions) {
  const { api, key } = useWorkspace()
  const queries = useQueryClient()
  const form: DeployForm = useForm<DeployValues>({ initialValues: emptyForm(options) })
  const [error, setError] = useState<unknown>()
  const [busy, setBusy] = useState(false)
  const [made, setMade] = useState<string>()
  const once = useRef<Once>(undefined)
  const { name } = options.runtimes[0] ?? { name: '' }
  const runtime = options.runtimes.find((one) => one.name === (form.values.runtime || name))

  const show = (errors: FormErrors) => {
    form.setErrors(errors)
    const first = Object.keys(errors)[0]
    // The folded part has to be there before something in it can have the focus.
    if (first) setTimeout(() => form.getInputNode(first)?.focus(), 50)
  }
  const submit = async (chosen: RuntimeOption) => {
    if (busy || made !== undefined) return
    setError(undefined)
    const errors = checkDeploy(form.values, chosen, options)
    show(errors)
    if (Object.keys(errors).length > 0) return
    const body = bodyOf(form.values, chosen)
    once.current = onceFor(once.current, body, randomKey)
    const header = { 'idempotency-key': once.current.key }
    setBusy(true)
    try {
      const agent = await unwrap(api.POST('/api/agents', { params: { header }, body }))
      queries.setQueryData(key('agent', agent.id), agent)
      void queries.invalidateQueries({ queryKey: key('agents') })
      void queries.invalidateQueries({ queryKey: key('deploy-options') })
      setMade(agent.id)
    } catch (problem) {
      setError(problem)
      show(refusedFields(problem, form.values))
    } finally {
      setBusy(false)
    }
  }
  return { form, runtime, error, made, busy: busy || made !== undefined, submit }
}

const randomKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join(
    '',
  )
