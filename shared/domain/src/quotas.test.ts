import { expect, test } from 'vitest'
import { countExceeds, sizeExceeds } from './quotas.ts'

const limits = { agents: 2, vcpu: 1, ramMb: 512, diskGb: 1 }
const size = { cpus: 1, memoryMb: 512, diskMb: 1024 }

test('a size equal to the limits fits, one more of anything does not', () => {
  expect(sizeExceeds(limits, size)).toBeUndefined()
  expect(sizeExceeds(limits, { ...size, cpus: 1.001 })).toEqual({
    quota: 'MAX_VCPU',
    limit: 1,
    requested: 1.001,
  })
  expect(sizeExceeds(limits, { ...size, memoryMb: 513 })?.quota).toBe('MAX_RAM_MB')
  expect(sizeExceeds(limits, { ...size, diskMb: 1025 })?.quota).toBe('MAX_DISK_GB')
})

test('the last free place is given, the next is not', () => {
  expect(countExceeds(limits, 1)).toBeUndefined()
  expect(countExceeds(limits, 2)).toEqual({ quota: 'MAX_AGENTS', limit: 2, requested: 3 })
})
