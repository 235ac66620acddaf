import { ActionIcon, Button, Group, Menu, Text } from '@mantine/core'
import { EllipsisVertical, Play, RefreshCcwDot, RotateCw, Square, Trash2 } from 'lucide-react'
import { useRef } from 'react'
import { useWorkspace } from '../../session.tsx'
import { type AgentAction, type AgentSummary, actionWords, offersFor } from './agent-actions.ts'
import { useAgentAction } from './use-agent-action.ts'

const icons = { start: Play, restart: RotateCw, stop: Square, redeploy: RefreshCcwDot, delete: Trash2 }

/** What one may ask of an agent: the likeliest thing as a button, everything in a menu. */
export function RowActions({ agent, onDelete }: { agent: AgentSummary; onDelete: () => void }) {
  const { can } = useWorkspace()
  const { mutate, isPending } = useAgentAction()
  const menu = useRef<HTMLButtonElement>(null)
  const offers = offersFor(agent, can)
  if (offers.length === 0) return null
  // The button is gone or another one afterwards: who pressed it with the keyboard stays in this row.
  const onSettled = () => {
    if (document.activeElement === document.body) menu.current?.focus({ preventScroll: true })
  }
  const ask = (action: AgentAction) =>
    action === 'delete' ? onDelete() : mutate({ agentId: agent.id, action }, { onSettled })
  const likeliest = offers.find(
    ({ action, blocked }) => (action === 'start' || action === 'stop') && !blocked,
  )
  return (
    <Group gap={4} wrap="nowrap" justify="flex-end">
      {likeliest && (
        <Button
          size="compact-sm"
          variant="default"
          loading={isPending}
          aria-label={`${actionWords[likeliest.action].button} ${agent.name}`}
          onClick={() => ask(likeliest.action)}
        >
          {actionWords[likeliest.action].button}
        </Button>
      )}
      <Menu position="bottom-end" width={280}>
        <Menu.Target>
          <ActionIcon
            ref={menu}
            variant="subtle"
            color="gray"
            size="lg"
            aria-label={`What to do with ${agent.name}`}
          >
            <EllipsisVertical size={18} aria-hidden />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {offers.map(({ action, blocked }) => {
            const Icon = icons[action]
            return (
              <Menu.Item
                key={action}
                disabled={blocked !== undefined || isPending}
                leftSection={<Icon size={16} aria-hidden />}
                onClick={() => ask(action)}
                {...(action === 'delete' && { c: 'var(--mantine-color-error)' })}
              >
                <Text size="sm" c="inherit">
                  {actionWords[action].button}
                </Text>
                <Text size="xs" c="dimmed">
                  {blocked ?? actionWords[action].does}
                </Text>
              </Menu.Item>
            )
          })}
        </Menu.Dropdown>
      </Menu>
    </Group>
  )
}
