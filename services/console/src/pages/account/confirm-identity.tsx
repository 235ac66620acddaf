import { Anchor, Button, Group, PasswordInput, Stack, Text, TextInput } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { showPasskey } from '@nora/ui/lib/passkey'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { QueryView } from '@nora/ui/query-view'
import { useQuery } from '@tanstack/react-query'
import { Fingerprint } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { api } from '../../api.ts'
import { useSignedIn } from '../../session.tsx'
import { type Entered, useEntry } from '../sign-in/use-entry.ts'
import { identitiesQuery, passkeysQuery, providersQuery } from './queries.ts'

type Props = { onConfirmed: () => void; onCancel: () => void }

/** Asks for what this account confirms itself with: a passkey or a recovery code, the password, or its sign-in provider. */
export function ConfirmIdentity(props: Props) {
  const passkeys = useQuery({ ...passkeysQuery, staleTime: 0 })
  const identities = useQuery({ ...identitiesQuery, staleTime: 0 })
  return (
    <Stack>
      <Text size="sm">What you are doing needs it once more. It then holds for ten minutes.</Text>
      <QueryView query={passkeys} rows={2}>
        {({ items }) =>
          items.length > 0 ? (
            <ByPasskey {...props} />
          ) : (
            <QueryView query={identities} rows={2}>
              {({ items: linked, passwordSet }) =>
                passwordSet ? (
                  <ByPassword {...props} />
                ) : (
                  <ByProvider linked={linked.map(({ provider }) => provider)} onCancel={props.onCancel} />
                )
              }
            </QueryView>
          )
        }
      </QueryView>
    </Stack>
  )
}

/** A form that does one thing, says what kept it from doing it, and can be cancelled. */
function Way({
  run,
  action,
  icon,
  onCancel,
  codes,
  children,
}: {
  run: (entered: Entered) => Promise<void>
  action: string
  icon?: ReactNode
  onCancel?: () => void
  codes?: Parameters<typeof useEntry>[0]['codes']
  children?: (field: ReturnType<typeof useEntry>['field']) => ReactNode
}) {
  const { onSubmit, busy, error, field } = useEntry({ send: run, ...(codes && { codes }) })
  return (
    <form onSubmit={onSubmit}>
      <Stack>
        {children?.(field)}
        {error !== undefined && <ProblemAlert error={error} />}
        <Group justify="flex-end" gap="xs">
          {onCancel && (
            <Button variant="default" onClick={onCancel}>
              Cancel
            </Button>
          )}
          <Button
            type="submit"
            loading={busy}
            leftSection={icon}
            data-autofocus={!children || undefined}
            autoFocus={!children}
          >
            {action}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

function ByPassword({ onConfirmed, onCancel }: Props) {
  const { user } = useSignedIn()
  return (
    <Way
      action="Confirm"
      onCancel={onCancel}
      codes={{ 'invalid-credentials': ['password', 'That is not your password.'] }}
      run={async (entered) => {
        await unwrap(api.call.POST('/api/auth/step-up', { body: { password: entered('password') } }))
        onConfirmed()
      }}
    >
      {(field) => (
        <>
          {/* For password managers, which otherwise ask whose password it is. */}
          <input type="text" name="username" autoComplete="username" value={user.email} readOnly hidden />
          <PasswordInput
            {...field('password')}
            label="Your password"
            autoComplete="current-password"
            required
            maxLength={512}
            data-autofocus
            autoFocus
          />
        </>
      )}
    </Way>
  )
}

function ByPasskey({ onConfirmed, onCancel }: Props) {
  const [withCode, setWithCode] = useState(false)
  const other = (
    <Anchor component="button" type="button" size="sm" onClick={() => setWithCode(!withCode)}>
      {withCode ? 'Use a passkey instead' : 'I do not have my passkey: use a recovery code'}
    </Anchor>
  )
  if (withCode)
    return (
      <>
        <Way
          action="Confirm"
          onCancel={onCancel}
          run={async (entered) => {
            const code = entered('code')
            await unwrap(api.call.POST('/api/auth/step-up/recovery-code', { body: { code } }))
            onConfirmed()
          }}
        >
          {(field) => (
            <TextInput
              {...field('code')}
              label="Recovery code"
              description="One of the ten that you kept. Each works once."
              autoComplete="off"
              spellCheck={false}
              required
              maxLength={40}
              data-autofocus
              autoFocus
            />
          )}
        </Way>
        {other}
      </>
    )
  return (
    <>
      <Way
        action="Use your passkey"
        icon={<Fingerprint size={18} aria-hidden />}
        onCancel={onCancel}
        run={async () => {
          const options = await unwrap(api.call.POST('/api/auth/step-up/passkey/options', { body: {} }))
          const assertion = await showPasskey(options)
          await unwrap(api.call.POST('/api/auth/step-up/passkey', { body: { assertion } }))
          onConfirmed()
        }}
      />
      {other}
    </>
  )
}

function ByProvider({ linked, onCancel }: { linked: string[]; onCancel: () => void }) {
  const providers = useQuery(providersQuery)
  return (
    <QueryView query={providers} rows={1}>
      {({ items }) => {
        const usable = items.filter(({ id }) => linked.includes(id))
        return (
          <>
            <Text size="sm">
              {usable.length > 0
                ? 'Your account has no password. Sign in again where you usually do; you come back to this page and can then do it. What is not saved here is lost.'
                : 'Your account has no password, and where it signed in is not set up on this server any more. Ask whoever runs it.'}
            </Text>
            {usable.map(({ id, name }) => (
              <Way key={id} action={`Sign in again with ${name}`} run={() => leaveFor(id)} />
            ))}
            <Button variant="default" onClick={onCancel} w="fit-content" ms="auto">
              Cancel
            </Button>
          </>
        )
      }}
    </QueryView>
  )
}

async function leaveFor(provider: string): Promise<void> {
  const { pathname, search } = window.location
  const { authorizationUrl } = await unwrap(
    api.call.POST('/api/auth/oauth/{provider}/step-up', {
      params: { path: { provider } },
      body: { returnTo: pathname + search },
    }),
  )
  window.location.assign(authorizationUrl)
}
