import { DomainError } from '@nora/domain/errors'
import { fc, hostileText, readingOf } from '@nora/testing/fuzz'
import { expect, test } from 'vitest'
import { decodeCursor, encodeCursor } from './cursor.ts'

const cursor = fc.record({ createdUs: fc.nat(Number.MAX_SAFE_INTEGER), id: fc.uuid() })

test('a cursor names the place that it was made of', () => {
  fc.assert(
    fc.property(cursor, (place) => {
      expect(decodeCursor(encodeCursor(place))).toEqual(place)
    }),
  )
})

test('any other text is a bad request, and whatever is read is a place', () => {
  fc.assert(
    fc.property(hostileText(cursor.map(encodeCursor)), (text) => {
      const read = readingOf(
        () => decodeCursor(text),
        (error) => error instanceof DomainError && error.code === 'bad-request',
      )
      if (!read) return
      expect(Number.isSafeInteger(read.createdUs)).toBe(true)
      expect(decodeCursor(encodeCursor(read))).toEqual(read)
    }),
  )
})
