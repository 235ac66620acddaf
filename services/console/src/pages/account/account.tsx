import { Page } from '@nora/ui/page'

export function AccountPage() {
  return <Page title="Account">{null}</Page>
}
