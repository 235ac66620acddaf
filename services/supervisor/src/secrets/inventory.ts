import type { VariableName } from '@nora/config/variables'
import type { EnvFile } from '../env-files.ts'
import { derivedSecrets, givenSecrets, heldSecrets } from './other-secrets.ts'

/** What `./setup.sh --rotate NAME` takes. */
export const rotationNames = [
  'encryption-key',
  'jwt',
  'capability-key',
  'hub-pepper',
  'setup-token',
  'database-passwords',
  'redis-passwords',
] as const
export type RotationName = (typeof rotationNames)[number]

/** Variables that set-up alone knows: no process of Nora reads them under these names. */
export type SetupVariable =
  | 'NORA_DB_PASSWORD_MIGRATOR'
  | 'NORA_REDIS_PASSWORD_API'
  | 'NORA_REDIS_PASSWORD_WORKER'

export type Secret = {
  /** The variable, or for what is none, a name of its own in lower case. */
  name: string
  what: string
  type: 'key' | 'private key' | 'password' | 'token' | 'credential' | 'derived'
  /** The env file in `<config>` that holds it, under its name. */
  file?: EnvFile
  /** A file in `<config>` that is it. */
  path?: string
  /** Where else it lives, for people. */
  place?: string
  /** The compose service that is given it as a file, beside its source. */
  readBy: readonly string[]
  /** How it gets there. */
  madeBy: string
  /** Days after which the doctor asks for a new one; undefined: on leak only. */
  cadenceDays?: number
  rotation?: RotationName
  /** How it is exchanged where `--rotate` does not. */
  how?: string
  /** What people notice when it is exchanged. */
  notice: string
}

export type EnvSecret = Secret & { name: VariableName | SetupVariable; file: EnvFile }

const setup = '`./setup.sh` makes it once and keeps it'

/** Made by set-up, in its env files. */
const setupSecrets: readonly EnvSecret[] = [
  {
    ...{ name: 'ENCRYPTION_KEY', what: 'opens every stored secret', type: 'key', file: 'worker' },
    place: 'or one of the other sources below',
    ...{ readBy: ['worker'], madeBy: setup, cadenceDays: 365, rotation: 'encryption-key' },
    notice: 'some seconds while everything restarts; rows are re-sealed while everything runs',
  },
  {
    ...{ name: 'ENCRYPTION_KEYS_PREVIOUS', what: 'the keys before, while they drain', type: 'key' },
    ...{ file: 'worker', readBy: ['worker'], madeBy: 'the rotation of `ENCRYPTION_KEY`' },
    ...{ rotation: 'encryption-key', notice: 'nothing' },
  },
  {
    ...{ name: 'JWT_SECRET', what: 'signs access tokens', type: 'key', file: 'api', readBy: ['api'] },
    ...{ madeBy: setup, cadenceDays: 180, rotation: 'jwt', notice: 'nothing: nobody is signed out' },
  },
  {
    name: 'NORA_CAPABILITY_PRIVATE_KEY',
    ...{ what: 'signs what the api may ask of worker and gateways', type: 'private key', file: 'api' },
    ...{ readBy: ['api'], madeBy: setup, cadenceDays: 365, rotation: 'capability-key' },
    notice: 'open streams and terminals reconnect; calls to agents answer 503 for some seconds, twice',
  },
  {
    ...{ name: 'NORA_API_KEY_PEPPER', what: 'verifies workspace API keys', type: 'key', file: 'api' },
    ...{ readBy: ['api'], madeBy: `${setup}; of an older server, as it followed from the capability key` },
    ...{ cadenceDays: 365, rotation: 'hub-pepper' },
    notice: 'nothing; an API key that is not used before the exchange ends stops then',
  },
  {
    ...{ name: 'NORA_SETUP_TOKEN', what: 'claims a server that nobody has claimed', type: 'token' },
    ...{ file: 'api', readBy: ['api'], madeBy: setup, rotation: 'setup-token' },
    notice: 'nothing; it is worth nothing once the server is claimed',
  },
  ...(
    [
      ['NORA_DB_PASSWORD_MIGRATOR', 'nora_migrator: makes and changes the schema', ['migrate', 'postgres']],
      ['NORA_DB_PASSWORD_APP', 'nora_app: the api’s role', ['migrate', 'api']],
      ['NORA_DB_PASSWORD_WORKER', 'nora_worker: the worker’s role', ['migrate', 'worker']],
    ] as const
  ).map(
    ([name, role, readBy]): EnvSecret => ({
      ...{
        name,
        what: `Postgres password of ${role}`,
        type: 'password',
        file: 'migrate',
        readBy,
        madeBy: setup,
      },
      ...{ cadenceDays: 365, rotation: 'database-passwords' },
      notice: 'some seconds while api and worker restart',
    }),
  ),
  ...(
    [
      ['NORA_REDIS_PASSWORD_API', 'api'],
      ['NORA_REDIS_PASSWORD_WORKER', 'worker'],
    ] as const
  ).map(
    ([name, file]): EnvSecret => ({
      ...{
        name,
        what: `Redis password of the ${file}’s user`,
        type: 'password',
        file,
        readBy: [file, 'redis'],
      },
      madeBy: `${setup} (compose only: embedded, Redis has a unix socket and no password)`,
      ...{ cadenceDays: 365, rotation: 'redis-passwords' },
      notice: 'some seconds while api and worker reconnect',
    }),
  ),
]

/** Every secret that there is. docs/secrets.md is made of this, and the doctor, set-up and rotation go by it. */
export const inventory: readonly Secret[] = [
  ...setupSecrets,
  ...givenSecrets,
  ...derivedSecrets,
  ...heldSecrets,
]

/** Those that stand in an env file under their name. */
export const envSecrets: readonly EnvSecret[] = [...setupSecrets, ...givenSecrets]

/** The secrets that one rotation exchanges. */
export const secretsOfRotation = (rotation: RotationName): readonly EnvSecret[] =>
  envSecrets.filter((one) => one.rotation === rotation)
