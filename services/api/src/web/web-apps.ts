import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ApiSettings } from '../deps.ts'

/** One built app: a page, and the files that it is made of. */
type WebApp = { base: string; folder: string; page: string; files: ReadonlySet<string> }

/** What an address of the pages leads to. */
export type Found =
  | { kind: 'page'; html: string; app: 'console' | 'admin' }
  | { kind: 'file'; folder: string; file: string; forEver: boolean }
  | { kind: 'redirect'; to: string }

export type FindPage = (host: string | undefined, path: string) => Found | undefined

/**
 * Reads what the apps consist of and gives the function that finds what an address leads to: one of exactly these files, an app's
 * page for every address that an app may have pages at, or nothing. No path is ever made of what a caller sent. With an
 * origin of its own the admin app is at that alone.
 * @throws when a folder is named that holds no built app: better no start than a server without pages.
 */
export async function webApps(
  config: Pick<ApiSettings, 'consoleDir' | 'adminDir' | 'publicUrl' | 'adminUrl'>,
): Promise<FindPage | undefined> {
  const [console, admin] = await Promise.all([
    config.consoleDir === undefined ? undefined : readApp('/', config.consoleDir),
    config.adminDir === undefined ? undefined : readApp('/admin/', config.adminDir),
  ])
  if (!console && !admin) return undefined
  const adminHost = hostOf(config.adminUrl)
  const apart = adminHost !== undefined && adminHost !== hostOf(config.publicUrl)
  return (host, path) => {
    if (path === '/api' || path.startsWith('/api/')) return undefined
    const onAdminHost = apart && host?.toLowerCase() === adminHost
    if (path === '/admin' || path.startsWith('/admin/')) {
      // Without an address for it there is no admin app: nobody could sign in.
      if (!admin || adminHost === undefined || (apart && !onAdminHost)) return undefined
      return path === '/admin' ? { kind: 'redirect', to: '/admin/' } : within(admin, 'admin', path)
    }
    if (onAdminHost) return path === '/' ? { kind: 'redirect', to: '/admin/' } : undefined
    return console && within(console, 'console', path)
  }
}

function within(app: WebApp, name: 'console' | 'admin', path: string): Found | undefined {
  const file = path.slice(app.base.length)
  if (app.files.has(file))
    return { kind: 'file', folder: app.folder, file, forEver: file.startsWith('assets/') }
  // The app itself says what it has no page for; only what looks like a file is missing here.
  const isPage = !file.startsWith('assets/') && !file.slice(file.lastIndexOf('/') + 1).includes('.')
  return isPage ? { kind: 'page', html: app.page, app: name } : undefined
}

async function readApp(base: string, folder: string): Promise<WebApp> {
  const page = await readFile(join(folder, 'index.html'), 'utf8').catch((cause: unknown) => {
    throw new Error(`there is no built app in ${folder}: run \`npm run build\``, { cause })
  })
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries
    .filter((entry) => entry.isFile() && !/\.(br|gz)$/.test(entry.name) && entry.name !== 'index.html')
    .map((entry) => join(entry.parentPath, entry.name).slice(join(folder, '/').length))
  return { base, folder, page, files: new Set(files) }
}

const hostOf = (url: string | undefined) => (url === undefined ? undefined : new URL(url).host.toLowerCase())
