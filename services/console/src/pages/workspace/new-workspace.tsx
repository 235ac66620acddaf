import { Page } from '@nora/ui/page'

export function NewWorkspacePage() {
  return <Page title="New workspace">{null}</Page>
}
