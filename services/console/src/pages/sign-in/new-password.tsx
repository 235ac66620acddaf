import { PasswordInput, Progress, Stack, Text } from '@mantine/core'
import { type FormEvent, useId, useState } from 'react'
import { type Strength, shortestPassword, strengthOf } from './password-strength.ts'

const colours = ['gray.6', 'red.8', 'teal.8', 'teal.8']

/** What is wrong with a password that is being chosen. */
export const newPasswordError = (password: string): string | undefined =>
  [...password].length < shortestPassword ? 'Choose at least 12 characters.' : undefined

/** Asks for a password that is being chosen, with a hint at how good it is. Only the hint is kept, never what was typed. */
export function NewPassword({
  label,
  name,
  error,
  onInput,
  autoFocus,
}: {
  label: string
  name: string
  error?: string | undefined
  onInput: () => void
  autoFocus?: boolean
}) {
  const [strength, setStrength] = useState<Strength>(strengthOf(''))
  const hint = useId()
  const look = (event: FormEvent<HTMLInputElement>) => {
    const { value, form } = event.currentTarget
    const about = form ? new FormData(form) : new FormData()
    setStrength(strengthOf(value, [String(about.get('email') ?? ''), String(about.get('name') ?? '')]))
    onInput()
  }
  return (
    <Stack gap={6}>
      <PasswordInput
        label={label}
        name={name}
        error={error}
        onInput={look}
        autoComplete="new-password"
        withAsterisk
        maxLength={128}
        aria-describedby={hint}
        data-autofocus={autoFocus || undefined}
        visibilityToggleButtonProps={{ 'aria-label': 'Show what you typed' }}
      />
      <Progress value={(strength.level / 3) * 100} color={colours[strength.level]!} size="xs" aria-hidden />
      <Text id={hint} size="xs" c="dimmed" aria-live="polite">
        {strength.words}
      </Text>
    </Stack>
  )
}
