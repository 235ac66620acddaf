/**
 * For a page that is one person's alone. `is` is told whenever it is known who is signed in: somebody else may have signed in in
 * another tab, and what this page holds (answers, a conversation, a form half filled in) is the first person's. Then `anew` loads
 * it again, and the promise never comes back to it. `forget` is for a sign-in in this page, which shows nothing of anybody.
 */
export function onePerson(anew: () => void): { is: (id: string) => Promise<void>; forget: () => void } {
  let first: string | undefined
  return {
    async is(id) {
      first ??= id
      if (id === first) return
      anew()
      await new Promise<never>(() => undefined)
    },
    forget() {
      first = undefined
    },
  }
}
