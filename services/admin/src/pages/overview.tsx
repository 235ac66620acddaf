import { Page } from '@nora/ui/page'

/** How the whole server is. */
export function OverviewPage() {
  return <Page title="Overview">{null}</Page>
}
