import { ActionIcon, Button, Menu, Text, Tooltip } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { said } from '@nora/ui/toasts'
import { Ellipsis } from 'lucide-react'
import { useNavigate } from 'react-router'
import { useWorkspace } from '../../session.tsx'
import { type Agent, actionWords, type Offer, offersFor } from '../agents/agent-actions.ts'
import { DeleteAgent } from '../agents/delete-agent.tsx'
import { useAgentAction } from '../agents/use-agent-action.ts'

/** What one may ask of this agent now. What has to wait is shown, and says for what. */
export function AgentButtons({ agent }: { agent: Agent }) {
  const { can, to } = useWorkspace()
  const navigate = useNavigate()
  const ask = useAgentAction()
  const [deleting, { open, close }] = useDisclosure()
  const offers = offersFor(agent, can)
  if (offers.length === 0) return null
  const run = (action: Offer['action']) =>
    action === 'delete'
      ? open()
      : ask.mutate(
          { agentId: agent.id, action },
          { onSuccess: () => said(`${actionWords[action].accepted} ${agent.name}.`) },
        )
  const shown = offers.filter(({ action }) => action !== 'redeploy' && action !== 'delete')
  const more = offers.filter(({ action }) => action === 'redeploy' || action === 'delete')
  return (
    <>
      {shown.map(({ action, blocked }) => (
        <Tooltip key={action} label={blocked ?? actionWords[action].does}>
          <Button
            variant={action === 'start' ? 'filled' : 'default'}
            {...(blocked !== undefined && { 'data-disabled': true, 'aria-disabled': true })}
            loading={ask.isPending && ask.variables.action === action}
            onClick={() => blocked === undefined && run(action)}
          >
            {actionWords[action].button}
          </Button>
        </Tooltip>
      ))}
      <Menu position="bottom-end" width={280}>
        <Menu.Target>
          <ActionIcon variant="default" size={36} aria-label="More actions">
            <Ellipsis size={18} aria-hidden />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {more.map(({ action, blocked }) => (
            <Menu.Item
              key={action}
              disabled={blocked !== undefined}
              {...(action === 'delete' && { color: 'var(--mantine-color-error)' })}
              onClick={() => run(action)}
            >
              <Text size="sm" inherit>
                {actionWords[action].button}
              </Text>
              <Text size="xs" c="dimmed">
                {blocked ?? actionWords[action].does}
              </Text>
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      <DeleteAgent
        agent={agent}
        opened={deleting}
        onClose={close}
        onDeleted={() => void navigate(to('/agents'))}
      />
    </>
  )
}
