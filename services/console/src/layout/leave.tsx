import { useEffect } from 'react'
import { Navigate } from 'react-router'
import { Waiting } from './waiting.tsx'

/**
 * Leads on; with `reload` by a new page. A CAPTCHA's script is only let into pages that are loaded for one, and has no business
 * where somebody is signed in.
 */
export function Leave({ to, reload }: { to: string; reload: boolean }) {
  useEffect(() => {
    if (reload) window.location.replace(to)
  }, [to, reload])
  return reload ? <Waiting retry={() => window.location.replace(to)} /> : <Navigate to={to} replace />
}
