import { waitUntil } from '@nora/testing/wait-until'

/**
 * Waits until an api process has its Redis: it listens before, and meanwhile lets nobody sign up or in.
 * @param url where it listens.
 */
export const untilServing = (url: string): Promise<true> =>
  waitUntil(
    'the api to serve',
    async () => {
      const { missing = [] } = (await (await fetch(`${url}/api/readyz`)).json()) as { missing?: string[] }
      if (missing.includes('redis')) throw new Error(`no ${missing}`)
      return true as const
    },
    { deadlineMs: 120_000 },
  )
