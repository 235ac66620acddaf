/** Files and folders of one level, small and plain: what the worker hands over to an agent. */
const mostEntries = 200
const block = 512

/**
 * What is wrong with an archive that is to be unpacked by the engine, which is root: undefined when every entry is a plain
 * file or folder with a plain name, without special bits, and not root's. Everything else a tar file may hold (devices,
 * links, names with slashes, extended headers, dialects) is refused, and each header has to be the one spelling of what it
 * says, so that the engine cannot read it in another way (POSIX ustar, IEEE 1003.1, pax).
 */
export function judgeArchive(archive: Buffer): string | undefined {
  if (archive.length % block !== 0) return 'the archive is no whole number of blocks'
  let offset = 0
  for (let count = 0; offset + block <= archive.length; count++) {
    const header = archive.subarray(offset, offset + block)
    if (isZero(header))
      return isZero(archive.subarray(offset)) ? undefined : 'the archive goes on after its end'
    if (count === mostEntries) return `the archive has more than ${mostEntries} entries`
    const entry = readHeader(header)
    if (typeof entry === 'string') return `entry ${count + 1} of the archive ${entry}`
    if (!header.equals(writeHeader(entry)))
      return `entry ${count + 1} of the archive is not in its plain form`
    const size = Math.ceil(entry.size / block) * block
    offset += block
    if (!isZero(archive.subarray(offset + entry.size, offset + size)))
      return 'the archive hides something in its padding'
    offset += size
  }
  return 'the archive has no end'
}

type Entry = {
  name: string
  mode: number
  uid: number
  gid: number
  size: number
  time: number
  type: string
}

function readHeader(header: Buffer): Entry | string {
  const type = header.toString('latin1', 156, 157)
  if (type !== '0' && type !== '5') return 'is neither a file nor a folder'
  const name = header.toString('latin1', 0, 100).replace(/\0+$/, '')
  const plain = type === '5' ? name.replace(/\/$/, '') : name
  if (!/^[A-Za-z0-9._-]{1,99}$/.test(plain) || plain === '.' || plain === '..') return 'has no plain name'
  const number = (at: number, length: number) => {
    const text = header.toString('latin1', at, at + length)
    return /^[0-7]+\0$/.test(text) ? Number.parseInt(text, 8) : Number.NaN
  }
  const entry = {
    ...{ name, type, mode: number(100, 8), uid: number(108, 8), gid: number(116, 8) },
    ...{ size: number(124, 12), time: number(136, 12) },
  }
  if (Object.values(entry).some((value) => Number.isNaN(value))) return 'has a number that is none'
  if (entry.mode > 0o777) return 'has special bits in its mode'
  if (entry.uid === 0 || entry.gid === 0) return "would be root's"
  if (type === '5' && entry.size !== 0) return 'is a folder with content'
  return entry
}

/** As services/worker/src/backends/docker/tar.ts writes it. */
function writeHeader(entry: Entry): Buffer {
  const header = Buffer.alloc(block)
  const octal = (at: number, length: number, value: number) =>
    header.write(value.toString(8).padStart(length - 1, '0'), at, 'latin1')
  header.write(entry.name, 0, 'latin1')
  octal(100, 8, entry.mode)
  octal(108, 8, entry.uid)
  octal(116, 8, entry.gid)
  octal(124, 12, entry.size)
  octal(136, 12, entry.time)
  header.write('        ', 148, 'latin1')
  header.write(entry.type, 156, 'latin1')
  header.write('ustar\x0000', 257, 'latin1')
  octal(
    148,
    7,
    header.reduce((sum, byte) => sum + byte, 0),
  )
  header[154] = 0
  return header
}

const isZero = (bytes: Buffer) => bytes.every((byte) => byte === 0)
