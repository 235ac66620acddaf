/** A test file: the project it belongs to and its path. */
export type TestFile = { project: string; path: string }

/** What takes longest of all. */
export const longestFile = 'e2e/matrix/crash-matrix.test.ts'

/** How far into a run the last file that needs containers begins; the short files fill what is left. */
const dockerUntil = 0.85

/**
 * The order in which test files begin, from one in which each project's are together. Files that need containers mostly wait, and
 * those of a database mostly compute, so they are spread over each other; within a project the order stays. The longest of all comes first,
 * so that nothing waits for it alone at the end.
 */
export function spreadFiles<File extends TestFile>(files: readonly File[], longest = longestFile): File[] {
  const counts = new Map<string, number>()
  for (const { project } of files) counts.set(project, (counts.get(project) ?? 0) + 1)
  const begun = new Map<string, number>()
  const placed = files.map((file) => {
    const nth = begun.get(file.project) ?? 0
    begun.set(file.project, nth + 1)
    const place = nth / (counts.get(file.project) ?? 1)
    if (file.path.endsWith(longest)) return { file, place: -1 }
    return { file, place: file.project === 'docker' ? place * dockerUntil : place }
  })
  return placed.sort((a, b) => a.place - b.place).map(({ file }) => file)
}
