import type { Reader } from './reader.ts'

/** `max` calls in a window of `windowMs`. */
export type RateWindow = { max: number; windowMs: number }

/** Every limit of the api's edge. */
export type RateLimits = {
  /** Per address, or /64 of IPv6. */
  global: RateWindow
  /** Per person; per address before sign-in. */
  mutations: RateWindow
  /** Per account. Past `max` an attempt is let through each `backoffMs`, doubled every time up to the window: never a lock-out. */
  login: RateWindow & { backoffMs: number }
  /** Per address. */
  signupBurst: RateWindow
  signupDaily: RateWindow
  /** Per person. */
  password: RateWindow
  /** Per address: round trips to a sign-in provider, and their returns. */
  oauth: RateWindow
  /** Per key of the Agent Hub. */
  hub: RateWindow
  /** Refused API keys, per address. */
  hubRefused: RateWindow
  /** Per person: beginnings of exec sessions. */
  exec: RateWindow
  /** Per person: tickets for sockets. A ticket lives 30 s. */
  tickets: RateWindow
}

const minute = 60_000

export const defaultRateLimits: RateLimits = {
  global: { max: 300, windowMs: minute },
  mutations: { max: 60, windowMs: minute },
  login: { max: 10, windowMs: 15 * minute, backoffMs: 30_000 },
  signupBurst: { max: 3, windowMs: 10 * minute },
  signupDaily: { max: 10, windowMs: 24 * 60 * minute },
  password: { max: 5, windowMs: minute },
  oauth: { max: 20, windowMs: minute },
  hub: { max: 120, windowMs: minute },
  hubRefused: { max: 30, windowMs: minute },
  exec: { max: 10, windowMs: minute },
  tickets: { max: 20, windowMs: minute / 2 },
}

const names = {
  global: 'global',
  mutations: 'mutations',
  login: 'login',
  'signup-burst': 'signupBurst',
  'signup-daily': 'signupDaily',
  password: 'password',
  oauth: 'oauth',
  hub: 'hub',
  'hub-refused': 'hubRefused',
  exec: 'exec',
  tickets: 'tickets',
} as const satisfies Record<string, keyof RateLimits>

/** Reads `NORA_RATE_LIMITS`, a list of `<name>=<calls>/<seconds>`; what it does not name keeps its default. */
export function readRateLimits(reader: Reader): RateLimits {
  const limits = structuredClone(defaultRateLimits)
  for (const item of reader.list('NORA_RATE_LIMITS')) {
    const match = /^([a-z-]+)=([1-9]\d{0,8})\/([1-9]\d{0,6})$/.exec(item)
    const given = match?.[1] ?? ''
    const name = Object.hasOwn(names, given) ? names[given as keyof typeof names] : undefined
    if (!match || !name) {
      reader.problem(
        'NORA_RATE_LIMITS',
        `must list <name>=<calls>/<seconds>, with a name of ${Object.keys(names).join(', ')}`,
      )
      continue
    }
    Object.assign(limits[name], { max: Number(match[2]), windowMs: Number(match[3]) * 1000 })
  }
  return limits
}
