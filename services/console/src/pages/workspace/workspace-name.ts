/** What is wrong with a workspace's name, or null. The api looks again. */
export function workspaceNameProblem(name: string): string | null {
  if (name.trim() === '') return 'Write a name.'
  if (name.trim().length > 100) return 'At most 100 characters.'
  return null
}
