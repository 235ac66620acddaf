import { Page } from '@nora/ui/page'

export function SignUpPage() {
  return <Page title="Create an account">{null}</Page>
}
