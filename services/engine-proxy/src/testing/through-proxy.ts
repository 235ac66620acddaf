import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createLogger } from '@nora/log/logger'
import { openProxy } from '../open-proxy.ts'
import type { RunningProxy } from '../server.ts'

export const engineSocket = '/var/run/docker.sock'

export type Way = { socketPath: string; proxy: RunningProxy; lines: string[]; close(): Promise<void> }

/** A folder in memory that follows no link, mounted as set-up does it; the caller unmounts it. */
export function mountKeys(keysDir: string, options = 'nosymfollow'): () => void {
  mkdirSync(keysDir, { recursive: true, mode: 0o700 })
  execFileSync('mount', ['-t', 'tmpfs', '-o', `mode=0700,nosuid,nodev,noexec,${options}`, 'tmpfs', keysDir])
  return () => {
    // Lazily: a mount of a container that is being removed may hold on to it for a moment.
    execFileSync('umount', ['--lazy', keysDir])
    rmSync(keysDir, { recursive: true, force: true })
  }
}

/** The real proxy before the real engine, for one installation. */
export async function throughProxy(facts: {
  installation: string
  pool: string
  keysDir: string
  engine?: string
  gatewayImage?: string
  mountOptions?: string
}): Promise<Way> {
  const unmount = mountKeys(facts.keysDir, facts.mountOptions)
  const socketPath = join(dirname(facts.keysDir), 'engine.sock')
  const lines: string[] = []
  const destination = { write: (line: string) => void lines.push(line) }
  const proxy = await openProxy(
    {
      installationId: facts.installation,
      agentNetworkPool: facts.pool,
      keysDir: facts.keysDir,
      gatewayImage: facts.gatewayImage,
      engineSocket: facts.engine ?? engineSocket,
      proxySocket: socketPath,
    },
    createLogger({ service: 'engine-proxy', level: 'info', destination }),
  )
  return {
    ...{ socketPath, proxy, lines },
    async close() {
      await proxy.stop()
      unmount()
    },
  }
}
