import { deriveAuditKey } from '@nora/crypto/audit-chain'
import { connect } from '@nora/db/connect'
import { createLogger } from '@nora/log/logger'
import { createLoops } from '../../loops.ts'
import { startAudit } from '../start-audit.ts'

// The audit's loops in a process of their own, to be killed: <database URL> <folder>.

const [databaseUrl, auditFolder] = process.argv.slice(2) as [string, string]
const log = createLogger({ service: 'audit-process', level: 'error' })
const db = connect({ databaseUrl, applicationName: 'audit-process', max: 4, onError: () => undefined })
const auditKeys = [deriveAuditKey(Buffer.alloc(32, 5))]
const loops = createLoops(log, new AbortController().signal)
startAudit({ db, log, auditKeys, auditFolder }, loops, { auditChain: 2, auditExport: 2 })
process.stdout.write('started\n')
