import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { longestFile, spreadFiles } from './file-order.ts'

const files = (project: string, count: number, path = (n: number) => `${project}-${n}`) =>
  Array.from({ length: count }, (_, n) => ({ project, path: path(n) }))

test('the projects are spread over each other, each in its own order, and none is lost', () => {
  const given = [...files('db', 8), ...files('docker', 4), ...files('unit', 8)]
  const order = spreadFiles(given, 'none')
  expect(new Set(order)).toEqual(new Set(given))
  expect(order.length).toBe(given.length)
  for (const project of ['db', 'docker', 'unit'])
    expect(order.filter((file) => file.project === project)).toEqual(
      given.filter((file) => file.project === project),
    )
  expect(order.slice(0, 10).filter(({ project }) => project === 'docker')).toHaveLength(2)
  expect(order.at(-1)?.project).not.toBe('docker')
})

test('the longest file begins first, wherever it was', () => {
  const given = [...files('db', 3), ...files('docker', 3, (n) => `/a/e2e/file-${n}.test.ts`)]
  expect(spreadFiles(given, 'e2e/file-2.test.ts')[0]?.path).toBe('/a/e2e/file-2.test.ts')
})

test('there is such a file', () => {
  expect(existsSync(fileURLToPath(new URL(`../../../${longestFile}`, import.meta.url)))).toBe(true)
})
