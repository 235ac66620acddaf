import { List, Stack, Text } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { ApiProblem } from '@nora/client/problem'
import { Confirm } from '@nora/ui/confirm'
import { QueryView } from '@nora/ui/query-view'
import { said } from '@nora/ui/toasts'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import { useNavigate } from 'react-router'
import { useWorkspace } from '../../session.tsx'
import { useWithStepUp } from '../../step-up.tsx'
import { atLeast, type Contents, contentsOf, contentsWords } from './workspace-contents.ts'

type DeleteWorkspaceProps = { name: string; opened: boolean; onClose: () => void }

/**
 * Deletes the workspace, by its name. Is there something in it, the api says exactly what, keys of others included; then it is
 * asked once more.
 */
export function DeleteWorkspace({ name, opened, onClose }: DeleteWorkspaceProps) {
  const { api, me, workspace, key } = useWorkspace()
  const withStepUp = useWithStepUp()
  const queries = useQueryClient()
  const navigate = useNavigate()
  const [contents, setContents] = useState<Contents>()
  // The first question closes when it is answered: the second follows then.
  const goesOn = useRef(false)
  const close = () => {
    if (goesOn.current) goesOn.current = false
    else {
      setContents(undefined)
      onClose()
    }
  }
  const remove = async (force: boolean) => {
    const params = { path: { id: workspace.id }, query: { force } }
    const ending = await withStepUp(() => unwrap(api.DELETE('/api/workspaces/{id}', { params })))
    if (ending) {
      said(`${name} is being deleted. It goes with the last of its agents.`)
      for (const what of ['workspace', 'agents']) void queries.invalidateQueries({ queryKey: key(what) })
      return
    }
    await navigate(`/w/${me.personalWorkspaceId}/agents`)
    said(`${name} was deleted.`)
    await queries.invalidateQueries({ queryKey: ['me'] })
  }
  const first = async () => {
    try {
      await remove(false)
    } catch (problem) {
      if (!(problem instanceof ApiProblem) || problem.code !== 'workspace-not-empty') throw problem
      goesOn.current = true
      setContents(contentsOf(problem.problem))
    }
  }
  return (
    <>
      <Confirm
        opened={opened && !contents}
        onClose={close}
        title={`Delete ${name}?`}
        action="Delete workspace"
        name={name}
        onConfirm={first}
      >
        <WhatGoes />
      </Confirm>
      <Confirm
        opened={opened && contents !== undefined}
        onClose={close}
        title={`Delete ${name} and all that is in it?`}
        action="Delete everything"
        onConfirm={() => remove(true)}
      >
        <Stack gap="sm">
          <Text size="sm">This goes with it, and cannot be brought back:</Text>
          <List size="sm" spacing="xs">
            {contents && contentsWords(contents).map((line) => <List.Item key={line}>{line}</List.Item>)}
          </List>
        </Stack>
      </Confirm>
    </>
  )
}

/** What is there, counted before anything is asked of the api. */
function WhatGoes() {
  const { api, workspace, key } = useWorkspace()
  const counts = useQuery({
    queryKey: key('agents', 'what-goes'),
    staleTime: 0,
    queryFn: async ({ signal }) => {
      const query = { limit: 200 }
      const path = { id: workspace.id }
      const [agents, programs, members] = await Promise.all([
        unwrap(api.GET('/api/agents', { params: { query }, signal })),
        unwrap(api.GET('/api/workspaces/{id}/api-keys', { params: { path, query }, signal })),
        unwrap(api.GET('/api/workspaces/{id}/members', { params: { path, query }, signal })),
      ])
      return [
        ...(agents.items.length > 0 ? [`${atLeast(agents, 'agent')} with their logs and data`] : []),
        'every key and credential that members stored here, those you do not see too',
        ...(programs.items.length > 0
          ? [`${atLeast(programs, 'Agent Hub key')}: programs that use one are shut out`]
          : []),
        `the membership of ${atLeast(members, 'person', 'people')}, and all open invitations`,
      ]
    },
  })
  return (
    <Stack gap="sm">
      <Text size="sm">This ends what is in the workspace:</Text>
      <QueryView query={counts} rows={2}>
        {(lines) => (
          <List size="sm" spacing={4}>
            {lines.map((line) => (
              <List.Item key={line}>{line}</List.Item>
            ))}
          </List>
        )}
      </QueryView>
      <Text size="sm">Its audit stays with the server. Nothing else can be brought back.</Text>
    </Stack>
  )
}
