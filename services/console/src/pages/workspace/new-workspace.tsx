import { Button, Group, Paper, Stack, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { unwrap } from '@nora/client/client'
import { fieldErrors } from '@nora/ui/lib/problem-words'
import { Page } from '@nora/ui/page'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { said } from '@nora/ui/toasts'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useNavigate } from 'react-router'
import { api } from '../../api.ts'
import { workspaceNameProblem } from './workspace-name.ts'

/** Makes a workspace of one's own. */
export function NewWorkspacePage() {
  const queries = useQueryClient()
  const navigate = useNavigate()
  const [error, setError] = useState<unknown>()
  const form = useForm({ initialValues: { name: '' }, validate: { name: workspaceNameProblem } })
  const submit = async ({ name }: { name: string }) => {
    setError(undefined)
    try {
      const made = await unwrap(api.call.POST('/api/workspaces', { body: { name: name.trim() } }))
      await queries.invalidateQueries({ queryKey: ['me'] })
      said(`${made.name} is there.`)
      await navigate(`/w/${made.id}/agents`)
    } catch (problem) {
      const wrong = fieldErrors(problem)
      form.setErrors(wrong)
      if (Object.keys(wrong).length === 0) setError(problem)
    }
  }
  return (
    <Page
      title="New workspace"
      description="A workspace has its own agents, keys, members and audit. Nothing in it is seen in another."
    >
      <Paper withBorder p="lg" maw="36rem">
        <form onSubmit={form.onSubmit(submit, () => form.getInputNode('name')?.focus())} noValidate>
          <Stack>
            <TextInput
              label="Name"
              description="What it is for, or whose it is. You can rename it later."
              placeholder="Research"
              autoComplete="off"
              maxLength={100}
              autoFocus
              {...form.getInputProps('name')}
              key={form.key('name')}
            />
            <Text size="sm" c="dimmed">
              You will be its owner, and can invite others then. One person may own ten workspaces.
            </Text>
            {error !== undefined && <ProblemAlert error={error} />}
            <Group justify="flex-end">
              <Button type="submit" loading={form.submitting}>
                Create workspace
              </Button>
            </Group>
          </Stack>
        </form>
      </Paper>
    </Page>
  )
}
