/** Half of what a frame may hold. */
const mostBytes = 32_768

/** Bytes in parts that fit a frame each. */
export function partsOf(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
  const parts: Uint8Array<ArrayBuffer>[] = []
  for (let at = 0; at < bytes.length; at += mostBytes) parts.push(bytes.subarray(at, at + mostBytes))
  return parts
}
