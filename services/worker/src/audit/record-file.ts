import { constants } from 'node:fs'
import { type FileHandle, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** What a kind of export file is called: `<kind>-<first position, 15 digits>.jsonl`. */
export type RecordKind = 'entries' | 'checkpoints'

export type RecordFiles = {
  /** The last whole line that is on the disk, as JSON. */
  last(): Record<string, unknown> | undefined
  /**
   * Adds lines, the first of which is about `position`, and returns when the disk has them. When it fails, what it had
   * written is taken back.
   */
  append(position: number, lines: readonly string[]): Promise<void>
}

// More than the longest line there can be.
const tailBytes = 512 * 1024

/**
 * The files of one kind in a folder, to be added to at the end. Looks again at what is there each time: another process may
 * have written, and a process that was killed may have left half a line, which is cut off. Call it, and `append`, only
 * while holding the chain.
 */
export async function openRecords(
  folder: string,
  kind: RecordKind,
  rotateBytes: number,
): Promise<RecordFiles> {
  const names = (await readdir(folder))
    .filter((name) => new RegExp(`^${kind}-\\d{15}\\.jsonl$`).test(name))
    .sort()
  let current: string | undefined
  let size = 0
  let last: Record<string, unknown> | undefined
  // The newest may be empty, when its process was killed before its first line.
  for (const name of names.reverse()) {
    const found = await mendTail(join(folder, name))
    current ??= name
    if (current === name) size = found.size
    if (found.line === undefined) continue
    last = parseLine(name, found.line)
    break
  }
  return {
    last: () => last,
    async append(position, lines) {
      if (lines.length === 0) return
      if (current === undefined || size >= rotateBytes) {
        current = `${kind}-${String(position).padStart(15, '0')}.jsonl`
        size = 0
      }
      const text = lines.map((line) => `${line}\n`).join('')
      size = await appendDurably(folder, current, text)
      last = parseLine(current, lines.at(-1)!)
    },
  }
}

/** Appends and syncs; gives the new size. A file that is new is synced with its folder. */
async function appendDurably(folder: string, name: string, text: string): Promise<number> {
  const file = await open(
    join(folder, name),
    constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW,
    0o600,
  )
  try {
    const before = (await file.stat()).size
    try {
      await file.writeFile(text)
      await file.datasync()
    } catch (error) {
      await file.truncate(before)
      throw error
    }
    if (before === 0) await syncFolder(folder)
    return (await file.stat()).size
  } finally {
    await file.close()
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Cuts off half a line at the end of a file; gives its last whole line. */
async function mendTail(path: string): Promise<{ size: number; line: string | undefined }> {
  const file = await open(path, constants.O_RDWR | constants.O_NOFOLLOW)
  try {
    let { size } = await file.stat()
    const tail = await readEnd(file, size)
    const whole = tail.lastIndexOf(0x0a) + 1
    if (whole === 0 && size > tail.length) throw new Error(`${path} is no file of lines`)
    if (whole < tail.length) {
      size -= tail.length - whole
      await file.truncate(size)
      await file.datasync()
    }
    const lines = tail.subarray(0, whole).toString('utf8').split('\n')
    const line = lines.length < 2 ? undefined : lines.at(-2)
    return { size, line }
  } finally {
    await file.close()
  }
}

async function readEnd(file: FileHandle, size: number): Promise<Buffer> {
  const buffer = Buffer.alloc(Math.min(size, tailBytes))
  let read = 0
  while (read < buffer.length) {
    const { bytesRead } = await file.read(buffer, read, buffer.length - read, size - buffer.length + read)
    if (bytesRead === 0) break
    read += bytesRead
  }
  return buffer.subarray(0, read)
}

function parseLine(name: string, line: string): Record<string, unknown> {
  try {
    const value = JSON.parse(line) as unknown
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    throw new Error(`the last line of ${name} is not JSON: move the file away, and see docs/audit.md`)
  }
  throw new Error(`the last line of ${name} is not an object: move the file away, and see docs/audit.md`)
}
