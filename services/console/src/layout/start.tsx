import { useQuery } from '@tanstack/react-query'
import { Navigate, useLocation } from 'react-router'
import { bootstrapQuery } from '../pages/sign-in/queries.ts'
import { startingWorkspace, useMe } from '../session.tsx'
import { Leave } from './leave.tsx'
import { Waiting } from './waiting.tsx'

/** The address without a path: leads a new server's first visitor to the claim, others to the sign-in or their agents. */
export function Start() {
  const me = useMe()
  const { hash } = useLocation()
  const nobody = me.data === null
  const bootstrap = useQuery({ ...bootstrapQuery, enabled: nobody })
  if (me.data) return <Navigate to={`/w/${startingWorkspace(me.data)}/agents`} replace />
  if (nobody && bootstrap.data)
    return bootstrap.data.claimed ? <Navigate to="/sign-in" replace /> : <Leave to={`/claim${hash}`} reload />
  return (
    <Waiting error={me.error ?? bootstrap.error} retry={() => void (nobody ? bootstrap : me).refetch()} />
  )
}
