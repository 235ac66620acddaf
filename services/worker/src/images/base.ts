import { readFile } from 'node:fs/promises'
import { rootCertificates } from 'node:tls'
import { existing, nodeBinary, programWithLibraries } from './closure.ts'
import type { ImageFile } from './content.ts'

const PASSWD = 'root:x:0:0:root:/:/sbin/nologin\nnora:x:10001:10001:nora:/tmp:/sbin/nologin\n'
const GROUP = 'root:x:0:\nnora:x:10001:\n'
const CA_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/cert.pem',
]

/** What every image of ours begins with: the agent's user, name service, certificates, a shell, /tmp. */
export async function baseFiles(signal: AbortSignal): Promise<ImageFile[]> {
  const [bundle] = await existing(CA_BUNDLES)
  // The machine's own bundle, so that an operator's private authority counts in agents too.
  const certificates = bundle
    ? await readFile(bundle, { encoding: 'utf8', signal })
    : rootCertificates.join('\n')
  const [shell] = await existing(['/bin/dash', '/bin/busybox', '/bin/sh'])
  if (!shell) throw new Error('no shell on this machine to put into the image')
  // A C library before 2.34 loads these by name; ldd does not see them.
  const names = await existing(
    ['libnss_files.so.2', 'libnss_dns.so.2', 'libresolv.so.2'].map((name) => `/lib/x86_64-linux-gnu/${name}`),
  )
  return [
    { path: '/etc/passwd', text: PASSWD, mode: 0o644 },
    { path: '/etc/group', text: GROUP, mode: 0o644 },
    { path: '/etc/nsswitch.conf', text: 'passwd: files\ngroup: files\nhosts: files dns\n', mode: 0o644 },
    { path: '/etc/ssl/certs/ca-certificates.crt', text: certificates, mode: 0o644 },
    { path: '/tmp', folder: true, mode: 0o1777 },
    { path: '/run/nora', folder: true, mode: 0o755 },
    ...(await programWithLibraries(shell, '/bin/sh', signal)),
    ...names.map((path) => ({ path, source: path, mode: 0o755 })),
  ]
}

/** The base of our Node services. It is an image of its own, so that Node is stored once and sent once. */
export async function nodeBaseFiles(signal: AbortSignal): Promise<ImageFile[]> {
  return [
    ...(await baseFiles(signal)),
    ...(await programWithLibraries(await nodeBinary(), '/bin/node', signal)),
  ]
}
