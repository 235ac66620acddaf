import { useDialogAbout } from '@nora/ui/lib/use-dialog-about'
import type { CatalogEntry, Credential } from './calls.ts'
import { CredentialDetails } from './credential-details.tsx'
import { DeleteCredential } from './delete-credential.tsx'
import type { Family } from './family.ts'
import { RenameCredential } from './rename-credential.tsx'
import { ReplaceSecret } from './replace-secret.tsx'
import { ShareCredential, StopSharing } from './share-credential.tsx'
import { SyncHolders } from './sync-holders.tsx'
import { TestCredential } from './test-credential.tsx'
import { BackToReadOnly, EnableTrading } from './trading.tsx'
import { useCatalog } from './use-family.ts'

export type Action =
  | 'details'
  | 'test'
  | 'sync'
  | 'replace'
  | 'rename'
  | 'share'
  | 'unshare'
  | 'trade'
  | 'read'
  | 'delete'

/** What every dialogue about one stored credential is given. */
export type AboutProps = {
  family: Family
  credential: Credential
  entry: CatalogEntry | undefined
  opened: boolean
  onClose: () => void
}

const dialogs = {
  details: CredentialDetails,
  test: TestCredential,
  sync: SyncHolders,
  replace: ReplaceSecret,
  rename: RenameCredential,
  share: ShareCredential,
  unshare: StopSharing,
  trade: EnableTrading,
  read: BackToReadOnly,
  delete: DeleteCredential,
}

/** Opens dialogues about credentials, one at a time. */
export function useDialogs(family: Family) {
  const { what, opened, open, close } = useDialogAbout<{ action: Action; credential: Credential }>()
  const catalog = useCatalog(family)
  const about = (action: Action, credential: Credential) => open({ action, credential })
  if (!what) return { about, dialog: null }
  const { action, credential } = what
  const Chosen = dialogs[action]
  const entry = catalog.data?.find(({ provider }) => provider === credential.provider)
  const props = { family, credential, entry, opened, onClose: close }
  return { about, dialog: <Chosen key={action + credential.id} {...props} /> }
}
