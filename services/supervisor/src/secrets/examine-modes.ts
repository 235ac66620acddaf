import { lstat, readdir } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { containerUids } from '../compose/addresses.ts'
import type { EnvFile, Variables } from '../env-files.ts'
import type { Layout } from '../layout.ts'
import type { Report } from './examine.ts'
import { envSecrets } from './inventory.ts'

const ownFiles = ['installation.env', 'api.env', 'worker.env', 'migrate.env', 'demo.env', 'secrets.json']
/** What an editor, a hand or an interrupted write leaves behind beside the file itself. */
const isCopy = (name: string) =>
  !ownFiles.includes(name) && /(?:installation|api|worker|migrate|demo)\.env|secrets\.json/.test(name)
/** Nothing in these is a secret, and others have to read some of it. */
const open =
  /^\.rotating$|^(?:nginx|compose\/(?:nginx|env))(?:\/|$)|^compose\/\.env$|^tls\/(?:fullchain|chain|cert)\.pem$/

/** Modes and owners of everything in the config folder that holds a secret, and of the files that the settings name. */
export async function examineModes(
  layout: Layout,
  files: Map<EnvFile, Variables>,
  report: Report,
): Promise<void> {
  await look(layout.config, layout, report)
  for (const [file, variables] of files) {
    const names = envSecrets.filter((one) => one.file === file).map((one) => `${one.name}_FILE`)
    for (const name of [...names, 'ENCRYPTION_KEY_SEALED_FILE', 'ENCRYPTION_KEY_PASSPHRASE_FILE']) {
      const path = variables[name]
      if (!path || path.startsWith(`${layout.config}/`)) continue
      const found = await lstat(path).catch(() => undefined)
      if (!found) report('problem', `${name}: ${path} is not there`, `write it, or change ${file}.env`)
      else if ((found.mode & 0o077) !== 0) {
        report('problem', `${path} (${name}) is open to others`, `chmod 600 ${path}`)
      }
      const own = process.getuid?.()
      if (found && found.uid !== 0 && found.uid !== own) {
        report(
          'problem',
          `${path} (${name}) belongs to user ${found.uid}, not ${own}`,
          `chown ${own} ${path}`,
        )
      }
    }
  }
}

async function look(path: string, layout: Layout, report: Report): Promise<void> {
  const inside = relative(layout.config, path)
  if (open.test(inside)) return
  const found = await lstat(path)
  if (found.isSymbolicLink()) return
  const mode = found.isDirectory() ? 0o700 : inside.startsWith('compose/secrets/') ? 0o400 : 0o600
  const wide = (found.mode & 0o077) !== 0
  if (isCopy(basename(path))) {
    const fix = `look whether you need it, then \`rm ${path}\``
    report(wide ? 'problem' : 'warning', `${path} is a copy of secrets${wide ? ', open to others' : ''}`, fix)
  } else if (wide && inside !== 'tls') {
    // Who renews certificates makes that folder; the key in it is closed by itself, and the folder above closes both.
    report('problem', `${path} is open to others`, `chmod ${mode.toString(8)} ${path}`)
  }
  const [owner, ...others] = ownersOf(inside)
  if (found.uid !== owner && !others.includes(found.uid)) {
    report('problem', `${path} belongs to user ${found.uid}, not ${owner}`, `chown ${owner}:${owner} ${path}`)
  }
  if (!found.isDirectory()) return
  for (const name of await readdir(path)) await look(join(path, name), layout, report)
}

/** A container's files belong to its user, everything else to ours. */
function ownersOf(inside: string): (number | undefined)[] {
  const folder = dirname(inside) === 'compose/secrets' ? inside : dirname(inside)
  const service = dirname(folder) === 'compose/secrets' ? basename(folder) : ''
  const own = process.getuid?.()
  // setup-tls.sh gives the certificate to nginx.
  if (dirname(inside) === 'tls') return [own, containerUids.nginx]
  return [containerUids[service as keyof typeof containerUids] ?? own]
}
