import { Navigate, Outlet, useLocation } from 'react-router'
import { SignedInContext, useMe } from '../session.tsx'
import { ConsoleStepUp } from '../step-up.tsx'
import { Waiting } from './waiting.tsx'

/** Pages for whoever is signed in; others are led to the sign-in and come back here afterwards. */
export function SignedInLayout() {
  const me = useMe()
  const { pathname, search } = useLocation()
  if (me.data)
    return (
      <SignedInContext value={me.data}>
        <ConsoleStepUp>
          <Outlet />
        </ConsoleStepUp>
      </SignedInContext>
    )
  if (me.data === null) {
    // Never the part behind the `#`: a secret may stand there, and this address is sent to the server.
    const back = pathname === '/' ? '' : `?returnTo=${encodeURIComponent(pathname + search)}`
    return <Navigate to={`/sign-in${back}`} replace />
  }
  return <Waiting error={me.error} retry={() => void me.refetch()} />
}
