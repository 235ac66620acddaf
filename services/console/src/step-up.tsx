import { StepUpProvider, useWithStepUp as use } from '@nora/ui/step-up'
import { lazy, type ReactNode } from 'react'

// Loaded when somebody is asked for the first time.
const Ways = lazy(async () => ({
  default: (await import('./pages/account/confirm-identity.tsx')).ConfirmIdentity,
}))

/** Has whoever is signed in confirm who they are with what their account has. */
export const ConsoleStepUp = ({ children }: { children: ReactNode }) => (
  <StepUpProvider ways={Ways}>{children}</StepUpProvider>
)

export const useWithStepUp = use
