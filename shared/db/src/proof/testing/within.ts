import type { Scene } from './attack-tables.ts'
import type { Session } from './attempts.ts'
import { connectAs } from './stances.ts'

/** Uses a connection of the role's inside a transaction whose context is proven. */
export async function within<T>(
  { database, stances }: Scene,
  role: string,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await connectAs(database, role)
  try {
    await session.run(`begin; ${stances.find((stance) => stance.role === role && stance.enter)!.enter}`)
    return await use(session)
  } finally {
    await session.end()
  }
}

// Insufficient privilege; an extension that is not there; a role of Postgres’s own that nobody alters.
const refusals = ['42501', '0A000', '42939']

/** The statements that are not refused to the role. */
export function allowed(scene: Scene, role: string, statements: readonly string[]): Promise<string[]> {
  return within(scene, role, async (session) => {
    const passed: string[] = []
    for (const statement of statements) {
      const { code, message } = await session.attempt(statement)
      if (!refusals.includes(code ?? '')) {
        passed.push(`${statement}: ${code ?? 'done'} ${message ?? ''}`.trim())
      }
    }
    return passed
  })
}
