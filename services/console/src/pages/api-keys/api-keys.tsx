import { Page } from '@nora/ui/page'

export function ApiKeysPage() {
  return <Page title="Agent Hub keys">{null}</Page>
}
