import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { kernelHasIpv6 } from './kernel.ts'

test('a kernel without IPv6 has no such setting', () => {
  const proc = mkdtempSync(join(tmpdir(), 'nora-proc-'))
  try {
    mkdirSync(join(proc, 'sys/net/ipv4/conf/all'), { recursive: true })
    expect(kernelHasIpv6(proc)).toBe(false)
    mkdirSync(join(proc, 'sys/net/ipv6/conf/all'), { recursive: true })
    writeFileSync(join(proc, 'sys/net/ipv6/conf/all/disable_ipv6'), '0\n')
    expect(kernelHasIpv6(proc)).toBe(true)
  } finally {
    rmSync(proc, { recursive: true })
  }
})
