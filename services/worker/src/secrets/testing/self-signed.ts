import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSecureContext, TLSSocket } from 'node:tls'

export type TestCertificate = {
  cert: string
  /** The server's end of a connection, inside TLS. */
  serve: (socket: Socket) => TLSSocket
  remove: () => void
}

/** A certificate that nobody vouches for but itself, good for two days. */
export function selfSigned(name: string): TestCertificate {
  const folder = mkdtempSync(join(tmpdir(), 'nora-tls-test-'))
  const at = (file: string) => join(folder, file)
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const subject = ['-days', '2', '-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`]
  const files = ['-keyout', at('key.pem'), '-out', at('cert.pem')]
  execFileSync('openssl', [...request, ...subject, ...files], { stdio: 'ignore' })
  const cert = readFileSync(at('cert.pem'), 'utf8')
  const secureContext = createSecureContext({ key: readFileSync(at('key.pem'), 'utf8'), cert })
  return {
    cert,
    serve: (socket) => new TLSSocket(socket, { isServer: true, secureContext }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
