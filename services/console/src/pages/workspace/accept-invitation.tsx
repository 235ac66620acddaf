import { Page } from '@nora/ui/page'

export function AcceptInvitationPage() {
  return <Page title="Invitation">{null}</Page>
}
