import { told } from '@nora/ui/toasts'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { Navigate, useLocation, useNavigate } from 'react-router'
import { Entrance } from '../../layout/entrance.tsx'
import { Leave } from '../../layout/leave.tsx'
import { Waiting } from '../../layout/waiting.tsx'
import { entered, useMe } from '../../session.tsx'
import { bootstrapQuery, signUpOptionsQuery } from './queries.ts'
import { SignUpForm } from './sign-up-form.tsx'

/** Makes the first account of a new server, whose owner shows the setup token. */
export function ClaimPage() {
  const setupToken = useTokenOfAddress()
  const me = useMe()
  const bootstrap = useQuery(bootstrapQuery)
  const options = useQuery(signUpOptionsQuery)
  if (me.data) return <Leave to="/" reload={options.data !== undefined && options.data.captcha !== null} />
  if (!bootstrap.data || !options.data)
    return (
      <Waiting
        error={bootstrap.error ?? options.error}
        retry={() => void (bootstrap.error ? bootstrap : options).refetch()}
      />
    )
  if (bootstrap.data.claimed) return <Navigate to="/sign-in" replace />
  return (
    <Entrance
      title="Claim this server"
      description="Nobody has an account here yet. Who claims the server becomes its first person and its admin, and decides who else may come; the setup token shows that it is you who installed it."
    >
      <SignUpForm
        captcha={options.data.captcha}
        action="Claim this server"
        setupToken={setupToken}
        onSignedIn={async (csrfToken) => {
          await entered(csrfToken)
          told(
            'The server is yours',
            'This is your own workspace. Begin with a key of a model provider, then deploy an agent with it.',
          )
        }}
        onHalf={() => undefined}
      />
    </Entrance>
  )
}

/**
 * The setup token of an address like `/claim#token=...`, which is taken out of the address at once: it would stay in the
 * browser's history. Only of the fragment, which no server and no proxy sees.
 */
function useTokenOfAddress(): string {
  const { hash, pathname } = useLocation()
  const navigate = useNavigate()
  const [token] = useState(() => new URLSearchParams(hash.slice(1)).get('token') ?? '')
  useEffect(() => {
    if (hash !== '') void navigate(pathname, { replace: true })
  }, [hash, pathname, navigate])
  return token
}
