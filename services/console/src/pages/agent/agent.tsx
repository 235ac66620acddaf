import { Page } from '@nora/ui/page'

export function AgentPage() {
  return <Page title="Agent">{null}</Page>
}
