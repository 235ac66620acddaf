import { Page } from '@nora/ui/page'

export function AuditPage() {
  return <Page title="Audit">{null}</Page>
}
