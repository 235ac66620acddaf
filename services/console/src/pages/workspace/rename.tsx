import { Button, Group, Paper, Stack, TextInput, Title } from '@mantine/core'
import { useForm } from '@mantine/form'
import { unwrap } from '@nora/client/client'
import { fieldErrors } from '@nora/ui/lib/problem-words'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { said } from '@nora/ui/toasts'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useWorkspace } from '../../session.tsx'
import { workspaceNameProblem } from './workspace-name.ts'

/** Gives the workspace another name. */
export function RenameWorkspace({ name }: { name: string }) {
  const { api, key, workspace } = useWorkspace()
  const queries = useQueryClient()
  const [error, setError] = useState<unknown>()
  const form = useForm({ initialValues: { name }, validate: { name: workspaceNameProblem } })
  const submit = async (values: { name: string }) => {
    setError(undefined)
    const body = { name: values.name.trim() }
    try {
      await unwrap(api.PATCH('/api/workspaces/{id}', { params: { path: { id: workspace.id } }, body }))
      form.setInitialValues(body)
      form.setValues(body)
      said('The workspace was renamed.')
      await queries.invalidateQueries({ queryKey: key('workspace') })
      await queries.invalidateQueries({ queryKey: ['me'] })
    } catch (problem) {
      const wrong = fieldErrors(problem)
      form.setErrors(wrong)
      if (Object.keys(wrong).length === 0) setError(problem)
    }
  }
  return (
    <Paper withBorder p="lg">
      <form onSubmit={form.onSubmit(submit, () => form.getInputNode('name')?.focus())} noValidate>
        <Stack>
          <Title order={2}>Name</Title>
          <TextInput
            label="Name of the workspace"
            description="All members see it."
            autoComplete="off"
            maxLength={100}
            {...form.getInputProps('name')}
            key={form.key('name')}
          />
          {error !== undefined && <ProblemAlert error={error} />}
          <Group justify="flex-end">
            <Button type="submit" loading={form.submitting} disabled={!form.isDirty()}>
              Rename workspace
            </Button>
          </Group>
        </Stack>
      </form>
    </Paper>
  )
}
