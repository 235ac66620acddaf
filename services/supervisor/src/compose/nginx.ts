import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { access, chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Installation } from '../installation.ts'
import { ensureFolder } from '../prepare.ts'
import { stackAddresses } from './addresses.ts'

const run = promisify(execFile)

/** What `<config>/edge.json` may add (docs/edge.md); what follows from the rest of the installation wins over it. */
export const operatorsEdge = (config: string): string => join(config, 'edge.json')

/** Signed by somebody else, and not by a staging server: browsers may be told to insist on it. */
async function isTrusted(path: string): Promise<boolean> {
  const { issuer, subject } = new X509Certificate(await readFile(path))
  return issuer !== subject && !issuer.includes('(STAGING)')
}

const files = ['nginx.conf', 'console.conf', 'admin.conf'] as const

/**
 * Renders the settings of nginx and of the two servers of pages into `<config>/nginx`, with infra/nginx's program. They hold no
 * secret, and each container's user may read them. Gives the text of all three. Throws with the program's own words.
 */
export async function renderNginx(installation: Installation): Promise<string> {
  const { layout, publicUrl } = installation
  const { installation: own, api } = installation.files
  const folder = join(layout.config, 'nginx')
  await ensureFolder(folder, 0o755)
  const at = stackAddresses(own['NORA_STACK_NETWORK'] ?? '', own['NORA_AGENT_NETWORK_POOL'] ?? '')
  const [site, admin] = [new URL(publicUrl), new URL(api['NORA_ADMIN_URL'] || publicUrl)]
  const captcha = api['SIGNUP_BOT_PROTECTION_PROVIDER'] || 'none'
  const flags = {
    ...{ 'public-host': site.hostname, 'admin-host': admin.hostname, 'public-port': site.port || '443' },
    ...{ 'cert-dir': '/run/secrets', 'acme-webroot': '/var/lib/nora/acme', 'access-log': '/dev/stdout' },
    ...{ 'api-upstream': `${at.edge.api}:8080`, 'console-upstream': `${at.edge.console}:8080` },
    'real-certificate': String(await isTrusted(join(layout.config, 'tls/fullchain.pem'))),
    'admin-upstream': `${at.edge.admin}:8080`,
    captcha: captcha.startsWith('recaptcha') ? 'recaptcha' : captcha,
    'invoke-max-body-mb': api['NORA_INVOKE_MAX_BODY_MB'] || '100',
  }
  const common = Object.entries(flags).map(([name, value]) => `--${name}=${value}`)
  const given = operatorsEdge(layout.config)
  const settings = await access(given).then(
    () => [`--settings=${given}`],
    () => [],
  )
  const render = async (args: string[]) => {
    const words = [join(layout.code, 'infra/nginx/render.mjs'), ...settings, ...common, ...args]
    const { stdout } = await run(process.execPath, words, { timeout: 60_000 })
    return stdout
  }
  const texts = [
    await render(['--print=edge']),
    await render(['--print=console', '--pages-dir=/srv/console']),
    await render(['--print=admin', '--pages-dir=/srv/admin']),
  ]
  for (const [at, name] of files.entries()) {
    const path = join(folder, name)
    if ((await readFile(path, 'utf8').catch(() => '')) !== texts[at]) await writeFile(path, texts[at] ?? '')
    await chmod(path, 0o644)
  }
  return texts.join('')
}
