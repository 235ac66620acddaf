import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const lib = fileURLToPath(new URL('lib.sh', import.meta.url))
const fromAfar = (url: string, port: string) =>
  execFileSync('bash', ['-euc', '. "$1"; from_afar "$2" "$3"', 'from-afar', lib, url, port], {
    encoding: 'utf8',
  })

test.each([
  ['http://localhost:8080', '8080', /^ssh -L 8080:127\.0\.0\.1:8080 /],
  ['http://127.0.0.1:8080', '8080', /^ssh -L 8080:/],
  ['https://localhost:8443', '8443', /^ssh -L 8443:127\.0\.0\.1:8443 /],
  ['https://nora.localhost', '443', /^sudo ssh -L 443:127\.0\.0\.1:443 .*\n\(443 is for root/],
  ['https://localhost', '443', /^sudo ssh -L 443:127\.0\.0\.1:443 /],
  ['https://localhost/', '443', /^sudo ssh -L 443:/],
  ['https://nora.example.org', '443', /^$/],
  ['https://localhost.example.org', '443', /^$/],
  ['https://127.example.org', '443', /^$/],
  ['https://127.0.0.1.example.org', '443', /^$/],
  ['https://127.0.0.1.example.org:8443', '8443', /^$/],
  ['https://127.0.0.256', '443', /^$/],
  ['https://[::1].example.org', '443', /^$/],
  ['http://127.255.0.3:8080', '8080', /^ssh -L 8080:/],
  ['http://[::1]:8080', '8080', /^ssh -L 8080:/],
  ['https://[::1]', '443', /^sudo ssh -L 443:/],
])('%s at port %s', (url, port, lines) => {
  expect(fromAfar(url, port)).toMatch(lines)
})
