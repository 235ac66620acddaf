import { Button, Group, PasswordInput, Stack, Text, TextInput } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { ApiProblem } from '@nora/client/problem'
import { showPasskey } from '@nora/ui/lib/passkey'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { type FormEvent, useState } from 'react'
import { api } from './api.ts'

type Props = { onConfirmed: () => void; onCancel?: (() => void) | undefined }
type Way = 'password' | 'passkey' | 'code'

/** Shows the passkey that this admin has, as the second factor of a sign-in or to confirm who they are. */
export async function confirmByPasskey(): Promise<void> {
  const options = await unwrap(api.call.POST('/api/admin/auth/second-factor/options', { body: {} }))
  const assertion = await showPasskey(options)
  await unwrap(api.call.POST('/api/admin/auth/second-factor/passkey', { body: { assertion } }))
}

/** Asks an admin to confirm who they are: with the password, or where they have one with their passkey or a recovery code. */
export function ConfirmAdmin({ onConfirmed, onCancel }: Props) {
  return <ConfirmBy first="password" onConfirmed={onConfirmed} onCancel={onCancel} />
}

/** The ways themselves, beginning with one; whoever has a passkey is led from the password to it. */
export function ConfirmBy({ first, onConfirmed, onCancel }: Props & { first: Way }) {
  const [way, setWay] = useState<Way>(first)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = event.currentTarget
    const given = String(new FormData(form).get('given') ?? '')
    setBusy(true)
    setError(undefined)
    try {
      await confirm(way, given)
      onConfirmed()
    } catch (problem) {
      if (problem instanceof ApiProblem && problem.code === 'passkey-required') setWay('passkey')
      else setError(problem)
    } finally {
      form.reset()
      setBusy(false)
    }
  }
  return (
    <form onSubmit={submit}>
      <Stack>
        <Text size="sm">{words[way]}</Text>
        {way === 'password' && (
          <PasswordInput
            name="given"
            label="Your password"
            autoComplete="current-password"
            required
            data-autofocus
          />
        )}
        {way === 'code' && (
          <TextInput
            name="given"
            label="Recovery code"
            autoComplete="off"
            spellCheck={false}
            required
            data-autofocus
          />
        )}
        {error !== undefined && <ProblemAlert error={error} />}
        <Group justify="space-between" gap="xs">
          {way === 'password' ? (
            <span />
          ) : (
            <Button
              variant="subtle"
              size="compact-sm"
              onClick={() => setWay(way === 'code' ? 'passkey' : 'code')}
            >
              {way === 'code' ? 'Use a passkey' : 'Use a recovery code'}
            </Button>
          )}
          <Group gap="xs">
            {onCancel && (
              <Button variant="default" onClick={onCancel}>
                Cancel
              </Button>
            )}
            <Button type="submit" loading={busy}>
              {way === 'passkey' ? 'Show the passkey' : 'Confirm'}
            </Button>
          </Group>
        </Group>
      </Stack>
    </form>
  )
}

const words: Record<Way, string> = {
  password:
    'What changes something on the whole server needs your password again. It then holds for ten minutes.',
  passkey: 'Confirm with the passkey of this account.',
  code: 'Enter one of the recovery codes that you kept. Each works once.',
}

async function confirm(way: Way, given: string): Promise<void> {
  if (way === 'passkey') await confirmByPasskey()
  else if (way === 'code')
    await unwrap(api.call.POST('/api/admin/auth/second-factor/recovery-code', { body: { code: given } }))
  else await unwrap(api.call.POST('/api/admin/auth/step-up', { body: { password: given } }))
}
