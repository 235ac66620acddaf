import { Page } from '@nora/ui/page'

export function DeployPage() {
  return <Page title="Deploy an agent">{null}</Page>
}
