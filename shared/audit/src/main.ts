import { auditVerify } from './verify-command.ts'

process.exitCode = await auditVerify(process.argv.slice(2), process.env, {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
})
