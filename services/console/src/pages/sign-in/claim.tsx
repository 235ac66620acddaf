import { Page } from '@nora/ui/page'

export function ClaimPage() {
  return <Page title="Claim this server">{null}</Page>
}
