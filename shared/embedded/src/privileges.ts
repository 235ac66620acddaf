/** The identity a child process gets. Numbers, because setpriv's names need a passwd entry that a chroot may lack. */
export type RunAs = {
  uid: number
  gid: number
  /** Supplementary groups; none when absent. */
  groups?: number[]
  /** Linux capabilities (setpriv's spelling, `chown`, `sys_admin`) the process keeps although it is not root. */
  capabilities?: string[]
}

/** The signal a child gets when its parent dies; `none` lets it outlive the parent. */
export type DeathSignal = 'TERM' | 'INT' | 'none'

/**
 * The command prefix that lowers a child's privileges before it runs: no core dumps (a dump would hold keys),
 * the death signal, no way to gain privileges, and, given `runAs`, its own uid, groups and bounding set.
 * setpriv sets the death signal after the uid; a later change of uid would clear it (prctl(2), PR_SET_PDEATHSIG).
 */
export function privilegePrefix(runAs: RunAs | undefined, deathSignal: DeathSignal): string[] {
  const prefix = ['prlimit', '--core=0:0', 'setpriv']
  if (deathSignal !== 'none') prefix.push('--pdeathsig', deathSignal)
  if (!runAs) return deathSignal === 'none' ? prefix.slice(0, 2) : prefix
  const groups = runAs.groups ?? []
  const kept = (runAs.capabilities ?? []).map((name) => `+${name}`)
  const capabilities = ['-all', ...kept].join(',')
  prefix.push('--reuid', String(runAs.uid), '--regid', String(runAs.gid))
  prefix.push(...(groups.length > 0 ? ['--groups', groups.join(',')] : ['--clear-groups']))
  prefix.push('--no-new-privs', `--inh-caps=${capabilities}`, `--bounding-set=${capabilities}`)
  if (kept.length > 0) prefix.push(`--ambient-caps=${capabilities}`)
  return prefix
}

/**
 * What follows that prefix: runs the command unless `parent`, the process that started it, is dead already. A shell does it,
 * so the variables that shells set by themselves are not handed on, given or not. A death that came before the child had asked for its signal would send it none.
 */
export const unlessOrphaned = (parent: number): string[] => [
  'sh',
  '-c',
  '[ "$PPID" = "$0" ] || exit 143; unset PWD OLDPWD SHLVL; exec "$@"',
  String(parent),
]

/** Whether this process may change its uid, which is what every `runAs` needs. */
export const isRoot = (): boolean => process.getuid?.() === 0
