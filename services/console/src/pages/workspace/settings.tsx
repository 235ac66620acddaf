import { Page } from '@nora/ui/page'

export function WorkspaceSettingsPage() {
  return <Page title="Workspace settings">{null}</Page>
}
