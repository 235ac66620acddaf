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
  program: 'a program with a key of the workspace that has every scope, made by its owner',
  programWithout: 'a program with a key of the workspace that has another scope than the one needed',
  programElsewhere: 'a program with a key of another workspace that asks for what is in this one',
  programOfViewer: 'a program with a key that has every scope, whose maker has become a viewer',
  expiredProgram: 'a program whose key has expired',
  revokedProgram: 'a program whose key has been revoked',
  adminSession: 'a platform admin in a session of the admin app',
} as const

export type Principal = keyof typeof principals
export const principalNames = Object.keys(principals) as Principal[]

/** Who shows a workspace API key and no session. */
export type Program = Extract<Principal, `program${string}` | `${string}Program`>
export const isProgram = (principal: Principal): principal is Program => /^program|Program$/.test(principal)
