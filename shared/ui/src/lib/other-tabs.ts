const channel = new BroadcastChannel('nora.session')

/** Tells the other tabs of this browser that somebody has signed in or out; they are told no more than that. */
export const tellOtherTabs = (): void => channel.postMessage(null)

/** Has `look` called whenever another tab says so. */
export function heedOtherTabs(look: () => void): void {
  channel.onmessage = look
}
