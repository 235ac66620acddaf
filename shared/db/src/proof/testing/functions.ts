import { type Decision, worker } from './decision.ts'
import { keysAndChain } from './functions-of-keys.ts'

const app = (across?: string): Decision => ({ to: ['nora_app'], ...(across && { across }) })
const both: Decision = { to: ['nora_app', 'nora_worker'] }
const bothAndOperator: Decision = { to: ['nora_app', 'nora_worker', 'nora_admin_operator'] }

const lease = 'a lease is proven by the worker’s name and a small number, and the worker’s role can take any'
const machinery =
  'the machinery’s own: ids, states and addresses of all agents, no name, no setting and no secret'

export const decisions: Record<string, Decision> = {
  // What a context says of itself.
  actor_kind: both,
  actor: bothAndOperator,
  workspace: both,
  role: both,
  agent: bothAndOperator,
  credential: both,
  may_write: both,
  api_key: bothAndOperator,
  key_may: both,
  leads_to: app(),
  may_deliver: worker(),

  // Accounts and sessions.
  enter_session: app(),
  my_workspaces: app(),
  is_claimed: app(),
  sign_up: app(
    'makes accounts and says whether an address has one; that the set-up token was shown, or that people may sign up, is the api’s word',
  ),
  login_lookup: app('says which account an address has, and the salt of its password'),
  open_session: app(
    'opens a session for the hash of a password, and writes into the account’s own audit when it is the wrong one',
  ),
  rotate_refresh: app(),
  refresh_session: app(),
  require_recent_proof: app(),
  session_of_refresh: app(),
  my_password_salt: app(),
  change_password: app(),
  change_own_password: app(),
  step_up: app(),
  redeem_ticket: app(),
  check_stream: app('says whether a stream, named by its random id, may still be open'),
  watch_streams: app(
    'says of live pages, named by their random ids, whether they may still be open and which lists they look at again',
  ),
  issue_live_ticket: app(),
  redeem_live_ticket: app(),

  // Terminals.
  issue_exec_ticket: {
    to: ['nora_app'],
    tells: 'that a ticket’s hash is taken, to whoever can guess such',
  },
  begin_exec: worker(),
  may_attach_exec: worker(),
  note_exec: worker('notes where a terminal’s programs are, of one that is named by its random id'),
  end_exec: worker('ends a terminal that is named by its random id, with an audit row that says so'),
  lost_execs: worker(
    'takes over every terminal whose worker is gone, or under the name that is given: ids of agents and containers, no name and no secret',
  ),

  // Accounts of sign-in providers.
  enrol_api: app(
    'takes the first proof of the api that there ever is, and from then on says whether one is the same',
  ),
  renew_api_proof: app(),
  start_flow: app(),
  take_flow: app(),
  sign_in_by_identity: app(),
  link_identity: app(),
  step_up_by_identity: app(),
  unlink_identity: app(),
  set_first_password: app(),

  // Exchange credentials.
  set_permission: app(),

  // Workspace API keys.
  enter_hub: app(),
  touch_api_key: app(),
  report_refused_key: app(),
  create_api_key: {
    to: ['nora_app'],
    tells: 'that an id or a key’s hash is taken, to whoever can guess such',
  },
  rotate_api_key: { to: ['nora_app'], tells: 'that a key’s hash is taken, to whoever can guess such' },
  renew_hub_secret: {
    to: ['nora_app'],
    tells: 'that a key’s hash is taken, to who shows a key of their own',
  },
  revoke_api_key: app(),

  // Passkeys: by what an authenticator signed, and the api’s proof.
  sign_in: app(
    'is open_session, and asks an account that has passkeys for one when the hash is the right one',
  ),
  second_factor_passkeys: app(),
  finish_second_factor: app(),
  step_up_by_second_factor: app(),
  start_challenge: app(),
  take_challenge: app(),
  add_passkey: app(),
  rename_passkey: app(),
  remove_passkey: app(),
  replace_recovery_codes: app(),
  count_recovery_codes: app(),
  keep_assertion: app(),
  action_word: worker(),
  spend_word: worker('uses up a passkey’s word that is named by its random number'),

  // Who belongs to a workspace.
  create_workspace: app(),
  rename_workspace: app(),
  list_members: app(),
  set_member_role: app(),
  remove_member: app(),
  create_invitation: {
    to: ['nora_app'],
    tells: 'that an id or a token’s hash is taken, to whoever can guess such',
  },
  delete_invitation: app(),
  accept_invitation: app(),
  count_keys: app(),
  begin_workspace_end: app(),
  require_open_workspace: { to: ['nora_app', 'nora_admin_operator'] },

  // The platform's admins, each by the proof of an admin session; and who opens one.
  open_admin_session: app(
    'opens an admin session for the hash of an admin’s password, and writes into the account’s own audit when it is the wrong one',
  ),
  rotate_admin_refresh: app(),
  admin_session_of_refresh: app(),
  end_admin_session: app(),
  admin_password_salt: app(),
  admin_me: app(),
  step_up_admin: app(),
  admin_challenge: app(),
  take_admin_challenge: app(),
  show_admin_second_factor: app(),
  prove_admin: app(),
  enter_admin_read: app(),
  admin_reads: { to: ['nora_admin_reader'] },
  operation_words: { to: ['nora_admin_reader'] },
  enter_admin_turn: app(),
  turn_workspace: { to: ['nora_admin_operator'] },
  admin_change_user: app(),
  admin_sign_out: app(),
  admin_retry: app(),
  issue_admin_ticket: app(),
  redeem_admin_ticket: app(),
  watch_admin_streams: app('says the same of live pages of admins, about the lists of the whole server'),

  take_agent_room: app('says whether the agents of all workspaces are more than a number'),
  has_agent_room: app('says whether the agents of all workspaces are fewer than a number'),

  // What the machinery tells of itself.
  report_api_event: app(
    'writes rows of three types into the audit in nobody’s name, one of them into the personal workspace of an account that is named',
  ),
  report_captcha_failure: app('writes rows of one type into the audit in nobody’s name'),
  is_personal_event: app(),
  record_configuration: both,

  // Operations and logs.
  lease_operation: worker(lease),
  renew_operation: worker(lease),
  release_operation: worker(lease),
  hold_operation: worker(lease),
  end_leases_of: worker(lease),
  enter_operation: worker(lease),
  announce_step: worker(lease),
  due_operations: worker(machinery),
  request_operation: worker(
    'asks for a reconcile or a stop of any agent that has nothing to do, with a row in its audit',
  ),
  network_slot: worker(),
  move_network_slot: worker(),
  release_network_slot: worker(),
  assign_gateway: worker(),
  lease_follower: worker(lease),
  renew_followers: worker(lease),
  release_follower: worker(lease),
  enter_follower: worker(lease),
  followable: worker(machinery),
  request_settle: worker('asks that any agent’s log be read to its end'),
  is_settled: worker(machinery),
  end_settle: worker('ends what request_settle asked for'),
  trim_changes: worker(
    'removes marks of what changed that are a quarter of an hour old, and live pages that are over',
  ),
  trim_logs: worker('removes the oldest lines of whoever has most, by limits that are the worker’s word'),
  sampled_agents: worker(machinery),
  record_samples: worker('writes what running agents use, of those that the worker named follows'),
  trim_samples: worker('removes what agents used longer than a day ago, of everybody'),
  enter_stream: worker('gives a viewer’s context for a live stream that is named by its random id'),

  // Reconciliation and housekeeping.
  fleet: worker(machinery),
  probed_agents: worker(machinery),
  agents_without_data: worker(machinery),
  expire_rows: worker('removes what has expired, of everybody'),
  sweep_workspaces: worker('goes on with workspaces whose owners deleted them'),
  erase_left_keys: worker('erases keys whose owner left a workspace a week ago'),
  report_security_event: worker('writes rows of five types into any workspace’s audit, in the system’s name'),
  ...keysAndChain,
}
