import { text } from 'node:stream/consumers'
import { connect } from '@nora/db/connect'
import { createLogger } from '@nora/log/logger'
import Docker from 'dockerode'
import { dockerBackend } from '../../backends/docker/backend.ts'
import { startFollowers } from '../followers.ts'

// A worker's followers in a process of their own, so that a test can kill it: facts on stdin.
const { databaseUrl, workerId, folder } = JSON.parse(await text(process.stdin)) as Record<string, string>
const log = createLogger({ service: 'follower', level: 'warn' })
const db = connect({ databaseUrl: databaseUrl!, applicationName: 'follower', onError: () => undefined })
const docker = new Docker({ socketPath: '/var/run/docker.sock' })
const options = { docker, installation: 'test', pool: '10.99.0.0/24', keysDir: folder!, dataDir: folder! }
startFollowers({
  db,
  log,
  workerId: workerId!,
  backend: dockerBackend({ ...options, log }),
  keyring: { keys: [], allowPlaintext: false },
  ring: () => undefined,
})
