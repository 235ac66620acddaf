import { Text } from '@mantine/core'
import {
  CircleCheck,
  CircleDashed,
  CircleStop,
  CircleX,
  LoaderCircle,
  type LucideIcon,
  Trash2,
  TriangleAlert,
} from 'lucide-react'
import { printable } from './lib/printable.ts'
import classes from './state-badge.module.css'

/** The states of an agent that people see. */
export type ShownState =
  | 'queued'
  | 'provisioning'
  | 'running'
  | 'stopping'
  | 'stopped'
  | 'degraded'
  | 'error'
  | 'deleting'

type Look = { word: string; icon: LucideIcon; tone: 'calm' | 'busy' | 'good' | 'warn' | 'bad'; turns?: true }

const looks: Record<ShownState, Look> = {
  queued: { word: 'Queued', icon: CircleDashed, tone: 'busy' },
  provisioning: { word: 'Provisioning', icon: LoaderCircle, tone: 'busy', turns: true },
  running: { word: 'Running', icon: CircleCheck, tone: 'good' },
  stopping: { word: 'Stopping', icon: LoaderCircle, tone: 'calm', turns: true },
  stopped: { word: 'Stopped', icon: CircleStop, tone: 'calm' },
  degraded: { word: 'Degraded', icon: TriangleAlert, tone: 'warn' },
  error: { word: 'Error', icon: CircleX, tone: 'bad' },
  deleting: { word: 'Deleting', icon: Trash2, tone: 'bad' },
}

/** All of them, in the order an agent goes through them. */
export const shownStates = Object.keys(looks) as ShownState[]

/** How a state is called at the places that only have room for a word. */
export const stateWord = (state: ShownState): string => looks[state].word

/** The state of an agent: told by a shape, a word and a colour, so that no one of them is needed. */
export function StateBadge({ state }: { state: ShownState }) {
  const { word, icon: Icon, tone, turns } = looks[state]
  return (
    <span className={classes['badge']} data-tone={tone}>
      <Icon size={14} aria-hidden {...(turns && { className: classes['turning']! })} />
      {word}
    </span>
  )
}

/**
 * The state with the reason that always stands beside it. In a list it takes the room of two lines whatever it says, so
 * that nothing moves when states change; `lines` of 0 shows the whole reason.
 */
export function StateWithReason({
  state,
  reason,
  lines = 2,
}: {
  state: ShownState
  reason: string
  lines?: number
}) {
  const text = printable(reason)
  return (
    <div className={classes['pair']}>
      <StateBadge state={state} />
      <Text
        size="xs"
        c="dimmed"
        className="nora-wrap"
        {...(lines > 0 && { lineClamp: lines, title: text, mih: `${lines * 1.4}em`, lh: 1.4 })}
      >
        {text}
      </Text>
    </div>
  )
}
