import type { AdminSettings } from '@nora/contract/admin-server'
import type { ApiSettings } from '../deps.ts'

/** What of the api's own settings an admin is shown: which doors are open, and what is allowed. No key, id or secret. */
export function shownSettings(
  config: ApiSettings,
  agents: number,
): Pick<AdminSettings, 'signUp' | 'signInProviders' | 'errorReports' | 'quotas'> {
  const { limits, maxAgentsTotal, signupEnabled, botProtection, signInProviders, errorReports } = config
  return {
    signUp: { enabled: signupEnabled, captcha: botProtection?.provider ?? null },
    signInProviders: signInProviders.map(({ id, name }) => ({ id, name })),
    errorReports: errorReports ? { host: errorReports.url.host } : null,
    quotas: [
      { name: 'MAX_AGENTS_TOTAL', limit: maxAgentsTotal, per: 'server', used: agents },
      { name: 'MAX_AGENTS', limit: limits.agents, per: 'workspace', used: null },
      { name: 'MAX_VCPU', limit: limits.vcpu, per: 'agent', used: null },
      { name: 'MAX_RAM_MB', limit: limits.ramMb, per: 'agent', used: null },
      { name: 'MAX_DISK_GB', limit: limits.diskGb, per: 'agent', used: null },
    ],
  }
}
