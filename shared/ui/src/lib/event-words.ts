/** What is written of a workspace, which its admins read. */
const inWorkspace: Record<string, string> = {
  AGENT_CREATED: 'Agent created',
  AGENT_UPDATED: 'Agent changed',
  AGENT_KEYS_CHANGED: 'Keys of an agent changed',
  AGENT_PROVISION_REQUESTED: 'Agent set up',
  AGENT_START_REQUESTED: 'Agent started',
  AGENT_STOP_REQUESTED: 'Agent stopped',
  AGENT_RESTART_REQUESTED: 'Agent restarted',
  AGENT_REDEPLOY_REQUESTED: 'Agent redeployed',
  AGENT_DELETE_REQUESTED: 'Agent deleted',
  AGENT_SYNC_KEYS_REQUESTED: 'Keys sent to an agent',
  AGENT_DRIFT: 'Agent was not as it should be',
  OPERATION_CANCELLED: 'Operation cancelled',
  OPERATION_FAILED: 'Operation failed',
  ORPHAN_REMOVED: 'Left-over container removed',
  NAME_TAKEN: 'Container name was taken',
  STREAM_TICKET_ISSUED: 'Live connection asked for',
  EXEC_STARTED: 'Terminal opened',
  EXEC_ENDED: 'Terminal closed',
  KEY_SYNCED: 'Keys delivered to an agent',
  KEY_SYNC_FAILED: 'Keys could not be delivered',
  SECRET_OPEN_FAILED: 'Stored secret could not be opened',
  PROVIDER_KEY_CREATED: 'Provider key stored',
  PROVIDER_KEY_CHANGED: 'Provider key replaced or changed',
  PROVIDER_KEY_DELETED: 'Provider key deleted',
  PROVIDER_KEY_TEST_REQUESTED: 'Test of a provider key asked for',
  PROVIDER_KEY_TESTED: 'Provider key tested',
  INTEGRATION_CREATED: 'Integration stored',
  INTEGRATION_CHANGED: 'Integration replaced or changed',
  INTEGRATION_DELETED: 'Integration deleted',
  INTEGRATION_TEST_REQUESTED: 'Test of an integration asked for',
  INTEGRATION_TESTED: 'Integration tested',
  EXCHANGE_CREDENTIAL_CREATED: 'Exchange credential stored',
  EXCHANGE_CREDENTIAL_CHANGED: 'Exchange credential replaced or changed',
  EXCHANGE_CREDENTIAL_DELETED: 'Exchange credential deleted',
  EXCHANGE_CREDENTIAL_TEST_REQUESTED: 'Test of an exchange credential asked for',
  EXCHANGE_CREDENTIAL_TESTED: 'Exchange credential tested',
  TRADING_WITHHELD: 'Trading withheld from an agent',
  PASSKEY_WORD_REFUSED: 'Passkey’s confirmation was not believed',
  API_KEY_CHANGED: 'Agent Hub key made, rotated or revoked',
  API_KEY_REFUSED: 'Agent Hub key refused',
  INVITATION_CREATED: 'Invitation made',
  INVITATION_REVOKED: 'Invitation taken back',
  INVITATION_ACCEPTED: 'Invitation accepted',
  MEMBER_ADDED: 'Member joined',
  MEMBER_REMOVED: 'Member left or was removed',
  PERMISSION_CHANGED: 'Role or permission changed',
  USER_RENAMED: 'Person renamed',
  WORKSPACE_CREATED: 'Workspace created',
  WORKSPACE_RENAMED: 'Workspace renamed',
  WORKSPACE_DELETE_REQUESTED: 'Deletion of the workspace asked for',
  WORKSPACE_DELETED: 'Workspace deleted',
}

/** What is written of accounts and of the server, which platform admins read. */
const onServer: Record<string, string> = {
  SERVER_CLAIMED: 'Server claimed',
  USER_CREATED: 'Account made',
  USER_DISABLED: 'Account disabled',
  USER_ENABLED: 'Account enabled again',
  SIGN_UP_REPEATED: 'Sign-up with an address that has an account',
  CAPTCHA_FAILED: 'CAPTCHA not passed',
  SIGNED_IN: 'Signed in',
  SIGNED_OUT: 'Signed out',
  SIGN_IN_FAILED: 'Sign-in failed',
  SIGN_IN_SLOWED: 'Sign-in slowed down',
  SECOND_FACTOR_REQUIRED: 'Second factor asked for',
  SESSION_REVOKED: 'Session ended',
  SESSIONS_REVOKED: 'Sessions ended',
  REFRESH_TOKEN_REUSED: 'Used session token shown again',
  STEPPED_UP: 'Identity confirmed',
  STEP_UP_REFUSED: 'Identity not confirmed',
  PASSWORD_SET: 'Password set',
  PASSWORD_CHANGED: 'Password changed',
  PASSWORD_CHANGE_REFUSED: 'Change of password refused',
  IDENTITY_LINKED: 'Sign-in provider linked',
  IDENTITY_LINK_REFUSED: 'Link of a sign-in provider refused',
  IDENTITY_UNLINKED: 'Sign-in provider unlinked',
  PASSKEY_ADDED: 'Passkey added',
  PASSKEY_RENAMED: 'Passkey renamed',
  PASSKEY_REMOVED: 'Passkey removed',
  PASSKEYS_RESET: 'Passkeys reset',
  PASSKEY_CONFIRMED: 'Act confirmed with a passkey',
  PASSKEY_COUNTER_WENT_BACK: 'Passkey may have been copied',
  RECOVERY_CODES_MADE: 'Recovery codes made',
  RECOVERY_CODE_USED: 'Recovery code used',
  ADMIN_READ: 'Admin looked across workspaces',
  ADMIN_CANCEL: 'Admin cancelled an operation',
  ADMIN_RETRY: 'Admin had an operation tried again',
  ADMIN_RESET: 'Admin’s sign-in reset',
  CONFIGURATION_CHANGED: 'Settings of the server changed',
  ENCRYPTION_KEY_INTRODUCED: 'Encryption key introduced',
  KEY_ROTATION_STARTED: 'Rotation of the encryption key begun',
  KEY_ROTATION_FINISHED: 'Rotation of the encryption key finished',
  AUDIT_KEY_CHANGED: 'Key of the audit’s seal changed',
  AUDIT_CHAIN_BROKEN: 'Chain of the audit is broken',
  CAPABILITY_REFUSED: 'Internal capability refused',
  ERROR: 'Fault of the server',
}

/** The types of events there are in a workspace's audit, by what they are called. */
export const workspaceEventTypes: readonly string[] = Object.keys(inWorkspace)
/** All of them, with those of accounts and the server. */
export const allEventTypes: readonly string[] = [...workspaceEventTypes, ...Object.keys(onServer)]

/** An event's type as people read it; of one that is not known here, its own words: `SOME_API_ACT` is "Some API act". */
export function eventWords(type: string): string {
  return words.get(type) ?? plain(type)
}

const words = new Map(Object.entries({ ...inWorkspace, ...onServer }))
const shouted = new Set(['API', 'CIDR', 'DNS', 'HTTP', 'ID', 'IP', 'TLS', 'UI', 'URL'])

function plain(type: string): string {
  const words = type.split('_').filter((word) => word !== '')
  const text = words.map((word) => (shouted.has(word) ? word : word.toLowerCase())).join(' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}
