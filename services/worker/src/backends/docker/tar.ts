export type TarEntry = {
  /** Relative, at most 100 bytes. */
  name: string
  mode: number
  uid: number
  gid: number
  folder?: boolean
  content?: Buffer
}

/**
 * A POSIX ustar archive (IEEE 1003.1, pax, "ustar Interchange Format") of small files and folders, in one buffer that
 * the caller can wipe.
 */
export function tarArchive(entries: TarEntry[]): Buffer {
  const parts = entries.flatMap((entry) => {
    const content = entry.content ?? Buffer.alloc(0)
    const size = Math.ceil(content.length / 512) * 512
    return [{ entry, content, size }]
  })
  const total = parts.reduce((sum, part) => sum + 512 + part.size, 1024)
  const archive = Buffer.alloc(total)
  let offset = 0
  for (const { entry, content, size } of parts) {
    writeHeader(archive.subarray(offset, offset + 512), entry, content.length)
    content.copy(archive, offset + 512)
    offset += 512 + size
  }
  return archive
}

function writeHeader(header: Buffer, entry: TarEntry, size: number): void {
  const name = Buffer.from(entry.folder ? `${entry.name}/` : entry.name)
  if (name.length > 100) throw new RangeError('a name in an archive has at most 100 bytes')
  name.copy(header)
  octal(header, 100, 8, entry.mode)
  octal(header, 108, 8, entry.uid)
  octal(header, 116, 8, entry.gid)
  octal(header, 124, 12, size)
  octal(header, 136, 12, Math.floor(Date.now() / 1000))
  header.write('        ', 148, 'latin1') // the checksum counts its own field as spaces
  header.write(entry.folder ? '5' : '0', 156, 'latin1')
  header.write('ustar\x0000', 257, 'latin1')
  octal(
    header,
    148,
    7,
    header.reduce((sum, byte) => sum + byte, 0),
  )
}

function octal(header: Buffer, offset: number, length: number, value: number): void {
  const digits = value.toString(8).padStart(length - 1, '0')
  if (digits.length > length - 1) throw new RangeError('a number does not fit an archive header')
  header.write(digits, offset, 'latin1')
  header[offset + length - 1] = 0
}
