import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { isRoot } from '@nora/embedded/privileges'
import type { DemoOptions } from './demo/demo.ts'
import { type Layout, layoutFor, setupCommand } from './layout.ts'
import { start, stop, waitUntilReady } from './start.ts'

const help = `usage: node services/supervisor/src/main.ts [--prefix DIR] COMMAND

  prepare              users, folders, id, ports (setup.sh calls it)
  up                   run in the foreground: engine, Postgres, Redis, worker, api
  start                run in the background and wait until it is ready
  wait                 wait until a supervisor that someone else starts is ready
  stop [--keep-agents] stop everything; with --keep-agents an engine we started stays up
  status               what runs, since when and why
  doctor               look for problems; each comes with its fix
  reset-admin [EMAIL]  a new password for the first platform admin
  reset-passkeys EMAIL take passkeys and recovery codes off an account that lost them
  record-secrets       note the age of secrets that are not noted yet (setup.sh calls it)
  secret-replaced NAME note that a secret was replaced by hand, today
  encryption-key [TO]  say where ENCRYPTION_KEY comes from, or move it: to env, file:/path, sealed-file[:/path],
                       keyring:<service>/<account>; with --passphrase-file FILE for a sealed one
  rotate [NAME] [--finish]      exchange a secret, as far as it goes without a restart (setup.sh does the rest)
  restart              start everything anew, whoever ends this command meanwhile
  keep-pepper          write the pepper of API keys down where it follows from the capability key (setup.sh calls it)
  new-capability-key   take a NORA_CAPABILITY_PRIVATE_KEY that was replaced, at the next start
  uninstall --yes [--purge]     remove this installation; data stays without --purge
  remove-agents        the first step of uninstall alone, before their keys are unmounted (setup.sh calls it)
  demo [--keep]        the whole way once: claim, key, agent, answer, logs

  compose-files [NAME=IMAGE...] what docker-compose.yml is filled with (infra/compose.sh calls it)
  run-postgres         Postgres, as the stack's container runs it
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    prefix: { type: 'string' },
    code: { type: 'string' },
    yes: { type: 'boolean', default: false },
    finish: { type: 'boolean', default: false },
    restarted: { type: 'boolean', default: false },
    purge: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    'keep-agents': { type: 'boolean', default: false },
    'passphrase-file': { type: 'string' },
    'passphrase-from-stdin': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const say = (line: string) => process.stdout.write(`${line}\n`)

// What a start does not need is loaded by its own command.
async function run(command: string | undefined, layout: Layout): Promise<number> {
  const signal = AbortSignal.timeout(900_000)
  switch (command) {
    case 'prepare': {
      const { prepare } = await import('./prepare.ts')
      await prepare(layout, signal)
      return 0
    }
    case 'up': {
      const { up } = await import('./up.ts')
      // An engine that is left running is still our child: only an explicit exit parts from it.
      return process.exit(await up(layout, { passphraseFromStdin: values['passphrase-from-stdin'] }))
    }
    case 'start':
      await start(layout, import.meta.filename, (line) => say(`  ${line}`))
      return 0
    case 'wait':
      await waitUntilReady(layout, (line) => say(`  ${line}`))
      return 0
    case 'stop': {
      const { stopEither } = await import('./either.ts')
      say(
        (await stopEither(layout, values['keep-agents'] ? 'pause' : 'stop', signal))
          ? 'stopped'
          : 'was not running',
      )
      return 0
    }
    case 'status': {
      const { statusOfEither } = await import('./either.ts')
      const { text, ready } = await statusOfEither(layout, signal)
      say(text)
      return ready ? 0 : 3
    }
    case 'doctor':
      return doctor(layout)
    case 'reset-admin': {
      const { resetAdmin } = await import('./reset-admin.ts')
      const done = await resetAdmin(layout, positionals[1], signal)
      say(
        `new password of ${done.email}: ${done.password}\nevery session of theirs has ended; change it after signing in`,
      )
      return 0
    }
    case 'reset-passkeys': {
      const email = positionals[1]
      if (!email) throw new Error('say whose: reset-passkeys EMAIL')
      const { resetPasskeys } = await import('./reset-sign-in.ts')
      const count = await resetPasskeys(layout, email)
      say(
        `${count} passkeys of ${email} are gone, and every session: the password or a provider signs in again`,
      )
      return 0
    }
    case 'new-capability-key': {
      const { forgetApiProof } = await import('./reset-sign-in.ts')
      await forgetApiProof(layout)
      say(`the next start takes the key that stands in api.env: run ${setupCommand(layout)}`)
      return 0
    }
    case 'rotate': {
      const { rotateCommand } = await import('./rotation/command.ts')
      return rotateCommand(layout, positionals[1], values, say)
    }
    case 'restart': {
      const { restart } = await import('./rotation/restart.ts')
      await restart(layout, import.meta.filename, (line) => say(`  ${line}`))
      return 0
    }
    case 'restart-now':
      await stop(layout, 'pause')
      await start(layout, import.meta.filename, () => undefined)
      return 0
    case 'keep-pepper': {
      const { keepPepper } = await import('./rotation/rotate.ts')
      await keepPepper(layout.config)
      return 0
    }
    case 'record-secrets': {
      const { completeRecord } = await import('./secrets/record.ts')
      await completeRecord(layout.config)
      return 0
    }
    case 'secret-replaced': {
      const { recordRotation } = await import('./secrets/record.ts')
      const name = positionals[1]
      if (!name) throw new Error('say which: secret-replaced NAME')
      await recordRotation(layout.config, [name])
      say(`${name}: its age counts from today`)
      return 0
    }
    case 'encryption-key': {
      const { moveOrSayKey } = await import('./secrets/move-or-say-key.ts')
      await moveOrSayKey(layout.config, positionals[1], values['passphrase-file'], say)
      return 0
    }
    case 'uninstall': {
      if (!values.yes) throw new Error('nothing was removed: setup.sh asks first, --yes means it was asked')
      const { uninstall } = await import('./uninstall.ts')
      await uninstall(layout, { purge: values.purge, signal, say })
      return 0
    }
    case 'remove-agents': {
      const { removeAgents } = await import('./uninstall.ts')
      await removeAgents(layout, { purge: values.purge, signal, say })
      return 0
    }
    case 'demo': {
      const { demo } = await import('./demo/demo.ts')
      const stopping = new AbortController()
      for (const name of ['SIGINT', 'SIGTERM'])
        process.once(name, () => stopping.abort(new Error('interrupted')))
      await demo({
        ...{ layout, keep: values.keep, say, write: (text) => process.stdout.write(text) },
        ...{ real: realKey(process.env), account: ownAccount(process.env) },
        signal: AbortSignal.any([stopping.signal, signal]),
      })
      return 0
    }
    case 'compose-files': {
      const { writeComposeFiles } = await import('./compose/write-files.ts')
      await writeComposeFiles(layout, imagesOf(positionals.slice(1)))
      return 0
    }
    case 'run-postgres': {
      const { runPostgres } = await import('./compose/run-postgres.ts')
      return process.exit(await runPostgres(process.env))
    }
    default:
      process.stderr.write(help)
      return 2
  }
}

/** `NORA_IMAGE_<NAME>=<reference>`, as infra/images/build.sh prints them. */
const imagesOf = (lines: string[]): Record<string, string> =>
  Object.fromEntries(
    lines.map((line) => {
      const [, name, reference] = /^(NORA_IMAGE_[A-Z_]+)=(\S+)$/.exec(line) ?? []
      if (!name || !reference) throw new Error(`not an image: ${line}`)
      return [name, reference]
    }),
  )

/** A real provider for the demo instead of the stand-in: any that speaks OpenAI's chat completions. */
function realKey(env: NodeJS.ProcessEnv): DemoOptions['real'] {
  const apiKey = env['NORA_DEMO_API_KEY']
  if (!apiKey) return undefined
  const baseUrl = env['NORA_DEMO_BASE_URL'] ?? 'https://api.openai.com/v1'
  return { apiKey, baseUrl, model: env['NORA_DEMO_MODEL'] ?? 'gpt-4o-mini' }
}

function ownAccount(env: NodeJS.ProcessEnv): DemoOptions['account'] {
  const [email, password] = [env['NORA_DEMO_EMAIL'], env['NORA_DEMO_PASSWORD']]
  return email && password ? { email, password } : undefined
}

async function doctor(layout: Layout): Promise<number> {
  const { examine } = await import('./doctor.ts')
  const findings = await examine(layout)
  const word = (one: (typeof findings)[number]) => (one.level === 'warning' ? 'warn' : 'FAIL')
  for (const one of findings)
    say(`${one.ok ? 'ok  ' : word(one)} ${one.what}${one.fix ? `\n     fix: ${one.fix}` : ''}`)
  const warnings = findings.filter((one) => one.level === 'warning').length
  const bad = findings.filter((one) => !one.ok).length - warnings
  const count = bad === 0 ? 'no problem found' : `${bad} problems found`
  say(warnings === 0 ? count : `${count}, ${warnings} warnings`)
  return bad === 0 ? 0 : 1
}

const code = values.code ?? dirname(dirname(dirname(import.meta.dirname)))
const layout = layoutFor({ root: isRoot(), prefix: values.prefix, code: join(code) })
if (values.help) {
  process.stdout.write(help)
} else {
  try {
    process.exitCode = await run(positionals[0], layout)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}
