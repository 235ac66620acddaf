import { expect } from 'vitest'
import { type Client, client } from './client.ts'
import type { TestApi } from './test-api.ts'

/** A workspace's API key as its maker saw it. */
export type MadeKey = { id: string; key: string; prefix: string; expiresAt: string; path: string }

/** Everything a key may be let do, but for what comes later. */
export const everyScope = [
  'agents:read',
  'agents:write',
  'agents:invoke',
  'keys:sync',
  'logs:read',
  'metrics:read',
  'catalog:read',
]

/** Makes a key as somebody who has stepped up. */
export async function makeKey(
  by: Client,
  workspaceId: string,
  wanted: { scopes?: string[]; expiresAt?: string; allowedCidrs?: string[]; name?: string } = {},
): Promise<MadeKey> {
  const keys = `/api/workspaces/${workspaceId}/api-keys`
  const answer = await by.post(keys, { name: 'a program', scopes: everyScope, ...wanted })
  expect(answer.status, answer.text).toBe(201)
  return { ...answer.body, path: `${keys}/${answer.body.id}` }
}

/** A caller with nothing but a key. */
export function program(api: Pick<TestApi, 'url' | 'origin'>, key: string): Client {
  return Object.assign(client({ url: api.url, origin: api.origin }), { accessToken: key })
}
