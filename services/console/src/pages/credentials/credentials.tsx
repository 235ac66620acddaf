import { Page } from '@nora/ui/page'

export function CredentialsPage() {
  return <Page title="Keys and credentials">{null}</Page>
}
