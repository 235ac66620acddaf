import { access, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isRoot } from '@nora/embedded/privileges'
import { type Installation, readInstallation } from '@nora/supervisor/installation'
import { layoutFor } from '@nora/supervisor/layout'

/** What is looked at. With `installation` the machine's side too. */
export type Place = {
  /** Where people go, without a trailing slash. */
  url: string
  /** Where the admin app is; undefined where nobody said. */
  adminUrl: string | undefined
  /** PEM of who signed the certificate, where the system does not know them. */
  ca: string | undefined
  setupToken: string | undefined
  account: { email: string; password: string } | undefined
  installation: Installation | undefined
  /** A real provider, for a server whose machine is elsewhere. */
  provider: { apiKey: string; baseUrl: string; model: string } | undefined
}

export type Given = { url?: string; admin?: string; ca?: string; prefix?: string; config?: string }

/**
 * Puts the place together from the command line, the environment (NORA_SETUP_TOKEN, NORA_BLACK_BOX_EMAIL and _PASSWORD,
 * NORA_DEMO_API_KEY with NORA_DEMO_BASE_URL and NORA_DEMO_MODEL) and, where its folder is named, the installation's own files.
 */
export async function findPlace(given: Given, env: NodeJS.ProcessEnv): Promise<Place> {
  const installation = await installationOf(given)
  const url = given.url ?? installation?.publicUrl
  if (!url) throw new Error('say where it is: --url URL, or --prefix DIR')
  const certificate = installation && join(installation.layout.config, 'tls/fullchain.pem')
  const [email, password] = [env['NORA_BLACK_BOX_EMAIL'], env['NORA_BLACK_BOX_PASSWORD']]
  const apiKey = env['NORA_DEMO_API_KEY']
  return {
    url: url.replace(/\/$/, ''),
    adminUrl: (given.admin ?? installation?.files.api['NORA_ADMIN_URL'])?.replace(/\/$/, ''),
    ca: given.ca ? await readFile(given.ca, 'utf8') : await textOf(certificate),
    setupToken: env['NORA_SETUP_TOKEN'] ?? installation?.files.api['NORA_SETUP_TOKEN'],
    account: email && password ? { email, password } : undefined,
    installation,
    provider: apiKey
      ? {
          apiKey,
          baseUrl: env['NORA_DEMO_BASE_URL'] ?? 'https://api.openai.com/v1',
          model: env['NORA_DEMO_MODEL'] ?? 'gpt-4o-mini',
        }
      : undefined,
  }
}

async function installationOf({ prefix, config }: Given): Promise<Installation | undefined> {
  const folder = prefix === undefined ? config && prefixOf(config) : prefix
  if (folder === undefined) return undefined
  const repository = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
  const own = join(folder, 'opt/nora')
  const code = (await textOf(join(own, 'docker-compose.yml'))) === undefined ? repository : own
  return readInstallation(layoutFor({ root: isRoot(), ...(folder === '/' ? {} : { prefix: folder }), code }))
}

/** `<prefix>/etc/nora` is what set-up calls the installation's config folder. */
function prefixOf(config: string): string {
  const folder = config.replace(/\/$/, '')
  if (!folder.endsWith('/etc/nora'))
    throw new Error(`${config} is no etc/nora: name the folder with --prefix`)
  return dirname(dirname(folder))
}

const textOf = async (path: string | undefined): Promise<string | undefined> => {
  if (path === undefined) return undefined
  return access(path).then(
    () => readFile(path, 'utf8'),
    () => undefined, // there is none
  )
}
