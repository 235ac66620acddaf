#!/usr/bin/env node
// Writes nginx's configuration; `--help` says how.
if (!process.features.typescript) {
  process.stderr.write(
    'error: this needs Node 24\n  fix: run it with node_modules/.bin/node, after `npm ci`\n',
  )
  process.exit(2)
}
const { main } = await import('./main.ts')
process.exitCode = await main(process.argv.slice(2))
