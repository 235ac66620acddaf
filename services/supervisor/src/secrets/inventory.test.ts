import { readFileSync } from 'node:fs'
import { describeVariable, variableNames } from '@nora/config/variables'
import { expect, test } from 'vitest'
import { envSecrets, inventory, rotationNames, secretsOfRotation } from './inventory.ts'
import { secretsPage } from './page.ts'

const read = (path: string) => readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8')

test('every variable that is secret stands in the inventory, and none twice', () => {
  const names = inventory.map((one) => one.name)
  expect(names).toEqual(expect.arrayContaining(variableNames.filter((name) => describeVariable(name).secret)))
  expect(new Set(names).size).toBe(names.length)
})

test('every secret that set-up makes stands in the inventory, in the same file', () => {
  const made = [...read('setup.sh').matchAll(/^ *secret (\w+) (\w+) /gm)].map(([, file, name]) => ({
    file,
    name,
  }))
  expect(made.length).toBeGreaterThan(6)
  for (const one of made) {
    expect(envSecrets.map(({ file, name }) => ({ file, name }))).toContainEqual(one)
  }
})

test('a process reads what the inventory says it reads', () => {
  for (const secret of inventory) {
    const name = variableNames.find((one) => one === secret.name)
    if (!name) continue
    expect(secret.readBy, name).toEqual(expect.arrayContaining([...describeVariable(name).readBy]))
    for (const forbidden of describeVariable(name).forbiddenTo ?? []) {
      expect(envSecrets.find((one) => one.name === name)?.file, name).not.toBe(forbidden)
    }
  }
})

test('each secret says how it is exchanged, and each rotation exchanges some', () => {
  for (const one of inventory) expect(one.rotation ?? one.how, one.name).toBeTruthy()
  for (const name of rotationNames) expect(secretsOfRotation(name).length, name).toBeGreaterThan(0)
})

test('docs/secrets.md shows the inventory', () => {
  const page = read('docs/secrets.md')
  expect(secretsPage(page), 'run `npm run docs:secrets`').toBe(page)
})
