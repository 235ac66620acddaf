import { commands, createReader, type Environment, type NodeEnv } from './reader.ts'
import { readDatabaseUrl } from './values.ts'

export type MigrateConfig = {
  nodeEnv: NodeEnv
  production: boolean
  databaseUrl: string
  /** The password migrate gives the role nora_app. */
  passwordApp: string
  /** The password migrate gives the role nora_worker. */
  passwordWorker: string
}

/** Parses the environment of `migrate` once. Throws ConfigError with every problem found. */
export function loadMigrateConfig(env: Environment): Readonly<MigrateConfig> {
  const reader = createReader(env, 'migrate')
  const how = `make one with \`${commands.hex32}\``
  return reader.finish<MigrateConfig>({
    nodeEnv: reader.nodeEnv,
    production: reader.production,
    databaseUrl: readDatabaseUrl(reader, 'nora_migrator'),
    passwordApp: reader.strongSecret('NORA_DB_PASSWORD_APP', how, 24) ?? '',
    passwordWorker: reader.strongSecret('NORA_DB_PASSWORD_WORKER', how, 24) ?? '',
  })
}
