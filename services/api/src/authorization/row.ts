import type { Cells } from './cells.ts'
import type { ResourceName } from './testing/resources.ts'
import type { Caller, World } from './testing/world.ts'

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'WS'
/** As the api registers it. `HEAD` goes with its `GET` unless it has a row; `WS` is an upgrade. */
export type RouteName = `${Method} /api/${string}`

type Json = { [name: string]: unknown }
/** A body, or how it is made from what there is in the workspace, for the one who asks. */
export type Body = Json | ((world: World, caller: Caller) => Promise<Json>)

/** The rest of a request that is valid whoever sends it, so that only authorization can refuse it. */
export type Example = {
  /** Which row of the same route this is: what is special about it. */
  when?: string
  /** Path parameter -> what of the workspace's it names (testing/resources.ts makes it). */
  ids?: Record<string, ResourceName>
  query?: string
  body?: Body
  /** Needs the password again: without it whoever is let in gets `403 step-up-required`. */
  stepUp?: true
  /** What a refusal may leave behind: a security event. */
  refusalWrites?: readonly string[]
  /** Asked by everybody in a workspace of its own: it ends that, or the caller's session or membership, or leaves them another. */
  apart?: true
  /** The test that lets somebody in where this table cannot: with a browser's cookies, or an account without a password. */
  triedIn?: `services/api/src/${string}.test.ts`
  /** Changes nothing of ours, so that asking twice needs no new workspace. */
  harmless?: true
}

export type Row = { route: RouteName; cells: Cells; example: Example }

/** One row of the matrix. */
export const route = (name: RouteName, cells: Cells, example: Example = {}): Row => ({
  route: name,
  cells,
  example,
})

/** `GET /api/agents/:id, somebody else's` */
export const titleOf = ({ route: name, example }: Row): string =>
  example.when === undefined ? name : `${name}, ${example.when}`
