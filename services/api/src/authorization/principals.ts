/** Everybody that the matrix asks as. With a new one no row compiles until cells.ts has decided about it. */
export const principals = {
  anonymous: 'shows no credentials',
  viewer: 'a viewer of the workspace',
  editor: 'an editor of it',
  admin: 'an admin of it',
  owner: 'its owner',
  removed: 'was an editor of it and has been removed',
  stranger: 'belongs to another workspace and asks in the name of this one',
  neighbour: 'belongs to another workspace and asks, from there, for what is in this one',
  platformAdmin: 'a platform admin who does not belong to the workspace',
  disabled: 'an editor of it whose account is disabled',
} as const

export type Principal = keyof typeof principals
export const principalNames = Object.keys(principals) as Principal[]
