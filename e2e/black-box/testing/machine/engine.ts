import { execFile } from 'node:child_process'
import { engineCall } from '@nora/embedded/engine-call'
import type { Installation } from '@nora/supervisor/installation'
import type { Inspected } from './container-rules.ts'

type Found = Inspected & { Id: string; Image: string; State: { Running: boolean } }

/** The questions about this machine's engine, as root asks them. */
export function engineOf({ engineSocket }: Installation, signal: AbortSignal) {
  /** Undefined where there is nothing (any more). */
  const find = async <T>(path: string): Promise<T | undefined> => {
    const answer = await engineCall({
      socketPath: engineSocket,
      method: 'GET',
      path,
      signal,
      timeoutMs: 60_000,
    })
    if (answer?.status === 404) return undefined
    if (answer?.status !== 200) throw new Error(`the engine answered ${answer?.status} to ${path}`)
    return answer.body as T
  }
  const get = async <T>(path: string): Promise<T> => {
    const found = await find<T>(path)
    if (found === undefined) throw new Error(`the engine has nothing at ${path}`)
    return found
  }
  const filters = (label: string) => `filters=${encodeURIComponent(JSON.stringify({ label: [label] }))}`
  return {
    /** Every container with a label, running or not, as `docker inspect` shows it. */
    async containers(label: string): Promise<Found[]> {
      const listed = await get<{ Id: string }[]>(`/containers/json?all=1&${filters(label)}`)
      const found = await Promise.all(listed.map(({ Id }) => find<Found>(`/containers/${Id}/json`)))
      return found.filter((one) => one !== undefined)
    },
    networks: (label: string) => get<{ Name: string }[]>(`/networks?${filters(label)}`),
    volumes: async (label: string) =>
      (await get<{ Volumes: { Name: string }[] | null }>(`/volumes?${filters(label)}`)).Volumes ?? [],
    /** All that the engine tells about an image: its settings, and the line that made each layer. */
    image: async (id: string): Promise<string> =>
      JSON.stringify([await get(`/images/${id}/json`), await get(`/images/${id}/history`)]),
    /** What a program in a container prints; throws with what it said when it fails. */
    run: (container: string, words: string[]): Promise<string> =>
      new Promise((resolve, reject) => {
        const env = { PATH: process.env['PATH'], DOCKER_HOST: `unix://${engineSocket}` }
        execFile(
          'docker',
          ['exec', container, ...words],
          { env, signal, timeout: 120_000, maxBuffer: 64 * 1024 * 1024 },
          (error, out, said) => {
            if (error) reject(new Error(`in ${container}: ${said.slice(-600) || error.message}`))
            else resolve(out)
          },
        )
      }),
  }
}
export type Engine = ReturnType<typeof engineOf>
