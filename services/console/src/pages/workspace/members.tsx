import { Page } from '@nora/ui/page'

export function MembersPage() {
  return <Page title="Members">{null}</Page>
}
