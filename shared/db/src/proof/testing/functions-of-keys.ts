import { type Decision, worker } from './decision.ts'

const chain = 'the audit is one chain over all tenants, which each worker carries on and exports'

/** Decisions about the encryption key's exchange and the audit's chain. */
export const keysAndChain: Record<string, Decision> = {
  // The encryption key and its exchange.
  introduce_key: worker(),
  reseal_batch: worker(),
  reseal_store: worker(),
  reseal_failed: worker(),
  rotation_state: worker(),
  sealed_counts: {
    to: ['nora_worker', 'nora_admin_reader'],
    across: 'counts the records of each key version',
  },
  unopened_records: {
    to: ['nora_admin_reader'],
    across:
      'names the records that did not open when they were to be re-sealed, and nothing of what is in them',
  },

  // The audit's chain.
  hold_audit_chain: worker(chain),
  chain_audit: worker(chain),
  seal_audit_head: worker(chain),
  audit_chained: worker(chain),
  audit_checkpoints_after: worker(chain),
  add_audit_checkpoint: worker(chain),
  report_audit_broken: worker(chain),
  report_audit_key: worker(chain),
  audit_status: {
    to: ['nora_worker', 'nora_admin_reader'],
    across: 'says how the chain stands: numbers and hashes',
  },
  audit_entry: { to: ['nora_audit'] },
  json_text: { to: ['nora_audit'] },
}
