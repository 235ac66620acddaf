import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { pageMarks } from '@nora/contract/page-policy'
import react from '@vitejs/plugin-react'
import type { Plugin, UserConfig } from 'vite'

/** What is worth compressing; the rest (pictures, fonts) is compressed already. */
const compressible = /\.(js|css|html|svg|json|map)$/

/**
 * How an app of ours is built: hashed files that never change below `assets/`, each beside its compressed copies, and
 * one page whose placeholder for the nonce of its styles is filled in by whoever serves it.
 * @param base the path the app is served under, with slashes at both ends.
 */
export const appConfig = (base: string, root: string): UserConfig => ({
  root,
  base,
  plugins: [react(), compress()],
  build: {
    target: 'es2022',
    // Inlined files would be data: addresses, which our policy of content does not allow.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1_000,
    sourcemap: false,
    license: { fileName: 'licences.md' },
  },
  html: { cspNonce: pageMarks.nonce },
  server: { proxy: { '/api': { target: 'http://localhost:8080', ws: true, changeOrigin: true } } },
})

function compress(): Plugin {
  return {
    name: 'compressed-copies',
    apply: 'build',
    writeBundle: async ({ dir }) => {
      const files = await readdir(dir!, { recursive: true })
      const worth = files.filter((file) => compressible.test(file) && file !== 'index.html')
      for (const file of worth) await writeCopies(join(dir!, file))
    },
  }
}

async function writeCopies(path: string): Promise<void> {
  const bytes = await readFile(path)
  if (bytes.length < 1_024) return
  const [br, gz] = await Promise.all([
    promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 10 } }),
    promisify(gzip)(bytes, { level: 9 }),
  ])
  await Promise.all([writeFile(`${path}.br`, br), writeFile(`${path}.gz`, gz)])
}
