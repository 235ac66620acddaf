import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { edgeConf } from './edge-conf.ts'
import { pagesConf } from './pages-conf.ts'
import { readSettings, SettingsError, settingNames } from './settings.ts'

const flagOf = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
const kinds = ['edge', 'console', 'admin'] as const

const help = `usage: render.mjs [--settings FILE.json] [--<setting> VALUE]... (--out FOLDER | --print edge|console|admin)

Writes nginx's configuration: FOLDER/nginx.conf for the edge, FOLDER/console.conf and FOLDER/admin.conf for the servers that
have the pages. Settings come from a JSON file, from flags, or from both (a flag wins). docs/edge.md says what each is.

  ${settingNames.map((name) => `--${flagOf(name)}`).join('\n  ')}
`

/** Exit codes: 0 done, 2 something asked for is wrong. */
export async function main(args: string[]): Promise<number> {
  try {
    return await run(args)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const problems = error instanceof SettingsError ? error.problems : [error.message]
    for (const problem of problems) process.stderr.write(`error: ${problem}\n`)
    process.stderr.write('  fix: see --help and docs/edge.md; nothing was written\n')
    return 2
  }
}

async function run(args: string[]): Promise<number> {
  const flags = Object.fromEntries(settingNames.map((name) => [flagOf(name), { type: 'string' as const }]))
  const { values } = parseArgs({
    args,
    options: {
      ...flags,
      settings: { type: 'string' },
      out: { type: 'string' },
      print: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) {
    process.stdout.write(help)
    return 0
  }
  const given: Record<string, unknown> =
    values.settings === undefined ? {} : await readFileOf(values.settings)
  for (const name of settingNames) {
    const value = (values as Record<string, unknown>)[flagOf(name)]
    if (value !== undefined) given[name] = value
  }
  const settings = readSettings(given)
  const texts = {
    edge: () => edgeConf(settings),
    console: () => pagesConf(settings, 'console'),
    admin: () => pagesConf(settings, 'admin'),
  }
  const kind = kinds.find((name) => name === values.print)
  if (kind !== undefined) process.stdout.write(texts[kind]())
  else if (values.print !== undefined || values.out === undefined)
    throw new Error('say --out FOLDER, or --print edge, console or admin')
  else {
    await mkdir(values.out, { recursive: true, mode: 0o755 })
    await replace(join(values.out, 'nginx.conf'), texts.edge())
    await replace(join(values.out, 'console.conf'), texts.console())
    await replace(join(values.out, 'admin.conf'), texts.admin())
  }
  return 0
}

async function readFileOf(path: string): Promise<Record<string, unknown>> {
  const found: unknown = JSON.parse(await readFile(path, 'utf8'))
  if (typeof found !== 'object' || found === null || Array.isArray(found))
    throw new Error('the settings file must hold one JSON object')
  return { ...found }
}

/** A reader sees the old file or the new one, whole; no secret stands in it. */
async function replace(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o644 })
  await rename(`${path}.new`, path)
}
