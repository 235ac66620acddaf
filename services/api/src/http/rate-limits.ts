/** `max` calls in a window of `windowMs`. */
export type RateWindow = { max: number; windowMs: number }

/** Every limit of the edge; a test of something else raises them. */
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
}

const minute = 60_000

export const defaultRateLimits: RateLimits = {
  global: { max: 300, windowMs: minute },
  mutations: { max: 60, windowMs: minute },
  login: { max: 10, windowMs: 15 * minute, backoffMs: 30_000 },
  signupBurst: { max: 3, windowMs: 10 * minute },
  signupDaily: { max: 10, windowMs: 24 * 60 * minute },
  password: { max: 5, windowMs: minute },
}
