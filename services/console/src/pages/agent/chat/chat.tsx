import { Alert, Button, Group, Stack, Text, Textarea, TextInput } from '@mantine/core'
import { useLocalStorage } from '@mantine/hooks'
import { harmlessLines } from '@nora/ui/lib/harmless-text'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { CircleAlert, MessageSquare, SendHorizontal, Square } from 'lucide-react'
import { type FormEvent, type KeyboardEvent, useEffect, useRef, useState } from 'react'
import type { Agent } from '../../agents/agent-actions.ts'
import classes from './chat.module.css'
import { type Message, refusalWords } from './chat-stream.ts'
import { useChat } from './use-chat.ts'

/** Talks with the agent through its chat endpoint. Nothing of it is stored. */
export function ChatTab({ agent }: { agent: Agent }) {
  const chat = useChat(agent.id)
  const [typed, setTyped] = useState('')
  const [model, setModel] = useLocalStorage({
    key: `nora.model.${agent.id}`,
    defaultValue: '',
    getInitialValueInEffect: false,
  })
  const busy = chat.coming !== undefined
  const up = agent.state === 'running' || agent.state === 'degraded'
  const ready = typed.trim() !== '' && !busy && up
  const send = () => {
    if (!ready) return
    setTyped('')
    void chat.send(typed.trim(), model.trim())
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
    event.preventDefault()
    send()
  }
  return (
    <Stack gap="sm">
      <Group justify="space-between" align="flex-end" gap="sm">
        <TextInput
          label="Model"
          description="As the provider calls it. Empty: the one that the key names."
          placeholder="gpt-5-mini"
          value={model}
          maxLength={200}
          onChange={(event) => setModel(event.currentTarget.value)}
          w={{ base: '100%', xs: 400 }}
          autoComplete="off"
          spellCheck={false}
        />
        <Button variant="default" onClick={chat.clear} disabled={chat.messages.length === 0}>
          New conversation
        </Button>
      </Group>
      <Messages agent={agent.name} messages={chat.messages} coming={chat.coming} />
      {chat.error !== undefined && <Refused error={chat.error} again={() => void chat.again(model.trim())} />}
      {!up && (
        <Text size="sm" role="status">
          The agent does not run ({agent.state}), so it cannot answer. Start it first.
        </Text>
      )}
      <form
        onSubmit={(event: FormEvent) => {
          event.preventDefault()
          send()
        }}
      >
        <Stack gap="xs">
          <Textarea
            label="Your message"
            description="Enter sends, Shift and Enter begin a new line."
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            onKeyDown={onKeyDown}
            autosize
            minRows={2}
            maxRows={8}
            maxLength={100_000}
          />
          <Group justify="space-between" gap="xs">
            <Text size="xs" c="dimmed">
              This conversation is kept on this page alone and is gone when you leave it. The agent’s provider
              sees it, and may charge for it.
            </Text>
            {busy ? (
              <Button variant="default" onClick={chat.stop} leftSection={<Square size={14} aria-hidden />}>
                Stop
              </Button>
            ) : (
              <Button type="submit" disabled={!ready} leftSection={<SendHorizontal size={14} aria-hidden />}>
                Send
              </Button>
            )}
          </Group>
        </Stack>
      </form>
    </Stack>
  )
}

function Messages({
  agent,
  messages,
  coming,
}: {
  agent: string
  messages: Message[]
  coming: string | undefined
}) {
  const box = useRef<HTMLDivElement>(null)
  const atEnd = useRef(true)
  // biome-ignore lint/correctness/useExhaustiveDependencies: whatever is new is shown to who was at the end
  useEffect(() => {
    if (atEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight
  }, [messages, coming])
  const onScroll = () => {
    const { scrollHeight = 0, scrollTop = 0, clientHeight = 0 } = box.current ?? {}
    atEnd.current = scrollHeight - scrollTop - clientHeight < 40
  }
  return (
    <div
      ref={box}
      className={classes['messages']}
      role="log"
      aria-label={`Conversation with ${agent}`}
      // An answer is read out when it is whole, not letter by letter.
      aria-busy={coming !== undefined}
      onScroll={onScroll}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: who scrolls with the keys has to be able to come here
      tabIndex={0}
    >
      {messages.length === 0 && coming === undefined && (
        <Stack align="center" justify="center" gap={6} m="auto" c="dimmed">
          <MessageSquare size={24} aria-hidden />
          <Text size="sm">Ask {agent} something.</Text>
        </Stack>
      )}
      {messages.map((message, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a conversation only grows at its end
        <Said key={at} who={message.role === 'user' ? 'You' : agent} message={message} />
      ))}
      {coming !== undefined && <Said who={agent} message={{ role: 'assistant', content: coming || '…' }} />}
    </div>
  )
}

function Said({ who, message }: { who: string; message: Message }) {
  return (
    <div className={classes['message']} data-role={message.role}>
      <div className={classes['who']}>{who}</div>
      <div className={classes['text']}>{harmlessLines(message.content)}</div>
    </div>
  )
}

function Refused({ error, again }: { error: unknown; again: () => void }) {
  const words = refusalWords(error)
  if (words === undefined) return <ProblemAlert error={error} retry={again} />
  return (
    <Alert
      role="alert"
      color="red"
      variant="light"
      icon={<CircleAlert size={18} aria-hidden />}
      title="The agent could not answer"
    >
      <Stack gap="xs">
        <Text size="sm" c="var(--mantine-color-text)" className="nora-wrap">
          {harmlessLines(words)}
        </Text>
        <Button size="compact-sm" variant="default" w="fit-content" onClick={again}>
          Try again
        </Button>
      </Stack>
    </Alert>
  )
}
