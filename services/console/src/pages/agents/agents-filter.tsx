import { CloseButton, Group, Select, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { shownStates, stateWord } from '@nora/ui/state-badge'
import { Search } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import type { AgentFilter } from './use-agents.ts'

type Change = (change: { state?: string | null; q?: string }) => void

/** Narrows the list to a part of a name and to one state. */
export function AgentsFilter({ filter, change }: { filter: AgentFilter; change: Change }) {
  const [typed, setTyped] = useState(filter.q ?? '')
  const asked = useRef(filter.q ?? '')
  const ask = useDebouncedCallback((q: string) => {
    asked.current = q.trim()
    change({ q: q.trim() })
  }, 250)
  // The address changed by another way than these fields: back, or "show all".
  useEffect(() => {
    const q = filter.q ?? ''
    if (q === asked.current) return
    asked.current = q
    setTyped(q)
  }, [filter.q])
  const type = (text: string) => {
    setTyped(text)
    ask(text)
  }
  return (
    <Group gap="sm" role="search" aria-label="Agents">
      <TextInput
        aria-label="Part of the name"
        placeholder="Search by name"
        leftSection={<Search size={16} aria-hidden />}
        value={typed}
        maxLength={100}
        onChange={(event) => type(event.currentTarget.value)}
        rightSection={
          typed !== '' && <CloseButton size="sm" aria-label="Clear the search" onClick={() => type('')} />
        }
        flex="1 1 14rem"
        maw={{ sm: '22rem' }}
      />
      <Select
        aria-label="State"
        placeholder="Any state"
        data={shownStates.map((state) => ({ value: state, label: stateWord(state) }))}
        value={filter.state ?? null}
        onChange={(state) => change({ state })}
        clearable
        flex="1 1 9rem"
        maw={{ sm: '12rem' }}
      />
    </Group>
  )
}
