import { Page } from '@nora/ui/page'

/** What anybody did on this server. */
export function AuditPage() {
  return <Page title="Audit">{null}</Page>
}
