import { randomBytes } from 'node:crypto'
import { derivedPepper } from '@nora/crypto/hub-keys'
import type { Variables } from '../env-files.ts'
import type { RotationName } from '../secrets/inventory.ts'

/** What becomes of an env file's variables: those that change, with their new values. */
export type Change = (now: Variables) => Variables

/** How a secret's values are exchanged. */
export type Exchange = {
  /** What people notice. */
  about: string
  /** The new value, with the one before beside it where both can be good. */
  begin: Change
  /** Takes the one before off again; absent: there never were two. */
  finish?: Change
}

const hex32 = () => randomBytes(32).toString('hex')
const items = (list: string | undefined) =>
  (list ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter(Boolean)
const first = (list: string | undefined) => items(list)[0] ?? ''

/** `NAME=new,before` now, `NAME=new` at the end. */
const listed = (name: string, about: string, make: () => string): Exchange => ({
  about,
  begin: (now) => ({ [name]: [make(), first(now[name])].filter(Boolean).join(',') }),
  finish: (now) => ({ [name]: first(now[name]) }),
})
const replaced = (about: string, ...names: string[]): Exchange => ({
  about,
  begin: (now) => Object.fromEntries(names.filter((name) => now[name]).map((name) => [name, hex32()])),
})

/** The number of the key that is in use: one more than the highest before it. */
export function keyVersionOf(worker: Variables): number {
  const versions = items(worker['ENCRYPTION_KEYS_PREVIOUS']).map((item) => Number.parseInt(item, 10))
  return 1 + Math.max(0, ...versions.filter(Number.isInteger))
}

const gone = /^\d+:(retired|lost)$/i

/** The keys before that the worker still holds, as `<version>:<key>`. */
export const heldKeys = (worker: Variables): string[] =>
  items(worker['ENCRYPTION_KEYS_PREVIOUS']).filter((item) => !gone.test(item))

export const exchanges: Record<RotationName, Exchange> = {
  'encryption-key': {
    about: 'nothing but a few seconds while everything restarts; what is stored is re-sealed meanwhile',
    begin: (now) => ({
      ENCRYPTION_KEY: hex32(),
      ENCRYPTION_KEYS_PREVIOUS: [
        ...items(now['ENCRYPTION_KEYS_PREVIOUS']),
        `${keyVersionOf(now)}:${now['ENCRYPTION_KEY']}`,
      ].join(','),
    }),
    finish: (now) => ({
      ENCRYPTION_KEYS_PREVIOUS: items(now['ENCRYPTION_KEYS_PREVIOUS'])
        .map((item) => (gone.test(item) ? item : `${Number.parseInt(item, 10)}:retired`))
        .join(','),
    }),
  },
  jwt: listed('JWT_SECRET', 'nobody is signed out', hex32),
  'capability-key': listed(
    'NORA_CAPABILITY_PRIVATE_KEY',
    'open streams and terminals reconnect; calls to agents answer 503 for some seconds, twice',
    () => randomBytes(32).toString('base64url'),
  ),
  'hub-pepper': {
    about: 'API keys that are used before it ends go on; those that are not stop then',
    begin: (now) => ({
      NORA_API_KEY_PEPPER: [hex32(), first(now['NORA_API_KEY_PEPPER']) || pepperOf(now)].join(','),
    }),
    finish: (now) => ({ NORA_API_KEY_PEPPER: first(now['NORA_API_KEY_PEPPER']) }),
  },
  'setup-token': replaced('who has not claimed the server yet needs the new one', 'NORA_SETUP_TOKEN'),
  'database-passwords': replaced(
    'a few seconds while everything restarts',
    ...['NORA_DB_PASSWORD_MIGRATOR', 'NORA_DB_PASSWORD_APP', 'NORA_DB_PASSWORD_WORKER'],
  ),
  'redis-passwords': replaced(
    'a few seconds while api and worker restart',
    ...['NORA_REDIS_PASSWORD_API', 'NORA_REDIS_PASSWORD_WORKER'],
  ),
}

/** What API keys were made with before peppers stood by themselves. */
export function pepperOf(api: Variables): string {
  return derivedPepper(Buffer.from(first(api['NORA_CAPABILITY_PRIVATE_KEY']), 'base64url')).toString('hex')
}
