import { fc } from '@nora/testing/fuzz'
import { expect, test } from 'vitest'
import { splitMessages } from './byte-rows.ts'

const message = fc.record({
  kind: fc.constantFrom('D', 'D', '2', 'C', 'Z', 'E'),
  body: fc.uint8Array({ maxLength: 40 }),
})
const bytesOf = ({ kind, body }: { kind: string; body: Uint8Array }): Buffer => {
  const head = Buffer.alloc(5)
  head.write(kind, 'latin1')
  head.writeUInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

test('wherever the bytes are cut, rows and everything else come whole and in order', () => {
  fc.assert(
    fc.property(
      fc.array(message),
      fc.infiniteStream(fc.integer({ min: 1, max: 60 })),
      (messages, lengths) => {
        const bytes = messages.map(bytesOf)
        const all = Buffer.concat(bytes)
        const seen: [where: 'row' | 'rest', bytes: string][] = []
        const take = splitMessages(
          (rest) => seen.push(['rest', rest.toString('hex')]),
          (row) => seen.push(['row', row.toString('hex')]),
        )
        for (let at = 0; at < all.length; ) {
          const end = at + lengths.next().value
          take(all.subarray(at, end))
          at = end
        }
        const rows = bytes.filter((one) => one[0] === 68).map((one) => one.toString('hex'))
        expect(seen.filter(([where]) => where === 'row').map(([, row]) => row)).toEqual(rows)
        expect(seen.map(([, one]) => one).join('')).toBe(all.toString('hex'))
      },
    ),
  )
})
