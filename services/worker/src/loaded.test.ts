import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)

const hook = `
import { registerHooks } from 'node:module'
const packages = new Set()
registerHooks({
  load(url, context, next) {
    const name = /.*node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1]
    if (name) packages.add(name)
    return next(url, context)
  },
})
process.on('exit', () => process.stdout.write(JSON.stringify([...packages])))
`

const loadedBy = async (...files: string[]): Promise<string[]> => {
  const imports = files.map(
    (file) => `import ${JSON.stringify(fileURLToPath(new URL(file, import.meta.url)))}`,
  )
  const words = ['--import', `data:text/javascript,${encodeURIComponent(hook)}`, '--input-type=module']
  const { stdout } = await run(process.execPath, [...words, '--eval', imports.join('\n')])
  return JSON.parse(stdout)
}

test('the worker loads no package that costs memory and that it has no use for', async () => {
  const packages = await loadedBy('./deps.ts', './start-worker.ts')
  expect(packages).toEqual(expect.arrayContaining(['dockerode', 'bullmq', 'kysely']))
  const grpc = ['@grpc/grpc-js', '@grpc/proto-loader', 'protobufjs']
  const unwanted = [...grpc, 'ssh2', 'typebox', 'fastify', '@simplewebauthn/server']
  expect(packages.filter((name) => unwanted.includes(name))).toEqual([])
})
