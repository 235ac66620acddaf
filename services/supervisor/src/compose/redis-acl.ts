import { createHash } from 'node:crypto'
import type { EnvFile, Variables } from '../env-files.ts'

/** What the doorbell (BullMQ 6) and its scripts do with its own keys. */
const queue = [
  'client|setname info multi exec evalsha eval script|load',
  'del exists get set incr pexpire persist pttl rename time type unlink',
  'hdel hexists hget hgetall hincrby hlen hmget hmset hset',
  'lindex llen lpop lpos lpush lrange lrem lset ltrim rpop rpoplpush rpush',
  'sadd scard sismember smembers srem',
  'xadd xlen xrange xtrim',
  'zadd zcard zcount zpopmin zrange zrangebyscore zrem zremrangebyrank zremrangebyscore zrevrange zrevrangebyscore zscore',
]
const connection = 'ping hello auth select quit'

/** The commands, keys and channels of each user; nobody has more, and the default user is off. */
export const redisRights = {
  nora_api: {
    // Counters of rate limits, tries of passwords, places of sockets, spent CAPTCHA tokens; the doorbell's adding side; bells.
    keys: [
      'nora:limit:*',
      'nora:login:*',
      'nora:known:*',
      'nora:sockets:*',
      'nora:captcha:*',
      'nora:operations:*',
    ],
    channels: ['nora:bell:*'],
    commands: [connection, ...queue, 'pexpire expire publish subscribe unsubscribe'],
  },
  nora_worker: {
    keys: ['nora:operations:*'],
    channels: ['nora:bell:*'],
    commands: [connection, ...queue, 'bzpopmin publish subscribe unsubscribe'],
  },
  /** The container's own health check: whoever reaches the port may ask whether it lives, and nothing else. */
  nora_health: { keys: [], channels: [], commands: ['ping'] },
} as const

/** Redis's file of users (ACL of Redis 7), and the address each process signs in with. Passwords are in it as hashes only. */
export function redisAccess(files: Record<EnvFile, Variables>, host: string) {
  const passwords = {
    nora_api: needed(files.api['NORA_REDIS_PASSWORD_API'], 'NORA_REDIS_PASSWORD_API', 'api'),
    nora_worker: needed(files.worker['NORA_REDIS_PASSWORD_WORKER'], 'NORA_REDIS_PASSWORD_WORKER', 'worker'),
  }
  const url = (user: keyof typeof passwords) => `redis://${user}:${passwords[user]}@${host}`
  return {
    urls: { api: url('nora_api'), worker: url('nora_worker') },
    acl: [
      // Nobody can become it: it is off and has no password. Redis itself loads its file under this name, transactions included.
      'user default off resetpass ~* &* +@all',
      userLine('nora_api', sha256(passwords.nora_api)),
      userLine('nora_worker', sha256(passwords.nora_worker)),
      userLine('nora_health'),
      '',
    ].join('\n'),
  }
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/** One line of the file. Without a hash the user needs no password. */
function userLine(name: keyof typeof redisRights, passwordHash?: string): string {
  const { keys, channels, commands } = redisRights[name]
  const allowed = [...new Set(commands.join(' ').split(' '))].map((command) => `+${command}`)
  return [
    ...['user', name, 'on', passwordHash ? `#${passwordHash}` : 'nopass', 'resetkeys', 'resetchannels'],
    ...keys.map((pattern) => `~${pattern}`),
    ...channels.map((pattern) => `&${pattern}`),
    ...['-@all', ...allowed],
  ].join(' ')
}

function needed(value: string | undefined, name: string, file: EnvFile): string {
  if (!value) throw new Error(`${name} is missing in ${file}.env: run ./setup.sh again`)
  return value
}
