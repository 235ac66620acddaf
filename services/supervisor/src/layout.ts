import { join, resolve } from 'node:path'

/** Where an installation keeps what. Every path is absolute. */
export type Layout = {
  /** True when processes get uids of their own; false for a user, who has no such boundary. */
  separated: boolean
  prefix: string | undefined
  /** The code that runs: the folder with `services/` in it. */
  code: string
  /** Env files and what only the supervisor reads (0700). */
  config: string
  data: string
  logs: string
  run: string
  statusSocket: string
  /** True for the one system-wide installation of a machine, which may use systemd and fixed defaults. */
  system: boolean
}

/**
 * The folders of an installation. As root: /etc, /var and /run; with `prefix`: the same below it, so that a second
 * installation can stand beside a real one; as a user: `.nora` in the checkout.
 */
export function layoutFor(options: { root: boolean; prefix?: string | undefined; code: string }): Layout {
  const prefix = options.prefix === undefined ? undefined : resolve(options.prefix)
  const common = { separated: options.root, prefix, code: options.code }
  if (prefix !== undefined) return withSocket({ ...common, system: false, ...systemFolders(prefix) })
  if (options.root) return withSocket({ ...common, system: true, ...systemFolders('/') })
  const home = join(options.code, '.nora')
  return withSocket({
    ...{ ...common, system: false, config: join(home, 'config'), data: join(home, 'data') },
    ...{ logs: join(home, 'logs'), run: join(home, 'run') },
  })
}

const systemFolders = (base: string) => ({
  config: join(base, 'etc/nora'),
  data: join(base, 'var/lib/nora'),
  logs: join(base, 'var/log/nora'),
  run: join(base, 'run/nora'),
})

const withSocket = (layout: Omit<Layout, 'statusSocket'>): Layout => ({
  ...layout,
  statusSocket: join(layout.run, 'supervisor.sock'),
})

/** The command a person types to act on this installation, for messages that name the fix. */
export function setupCommand(layout: Layout): string {
  const script = layout.system ? '/opt/nora/setup.sh' : './setup.sh'
  return layout.prefix === undefined ? script : `${script} --prefix ${layout.prefix}`
}
