/**
 * For a page that is one person's alone. `is` is told whenever it is known who is signed in: somebody else may have signed in in
 * another tab, and what this page holds (answers, a conversation, a form half filled in) is the first person's. Then `anew` loads
 * it again, and the promise never comes back to it. `nobody` is told when nobody is signed in any more, which is the same to what
 * the page holds: who comes next may be somebody else. `forget` is for a sign-in in this page, which shows nothing of anybody.
 */
export function onePerson(anew: () => void): {
  is: (id: string) => Promise<void>
  nobody: () => Promise<void>
  forget: () => void
} {
  let first: string | undefined
  const leave = () => {
    anew()
    return new Promise<never>(() => undefined)
  }
  return {
    async is(id) {
      first ??= id
      if (id !== first) await leave()
    },
    async nobody() {
      if (first !== undefined) await leave()
    },
    forget() {
      first = undefined
    },
  }
}
