import { expect, test } from 'vitest'
import { type Pressed, shortcutOf } from './shortcuts.ts'

const none = { mod: false, other: false, typing: false, terminal: false, modal: false }
const of = (key: string, rest: Partial<Pressed> = {}) => shortcutOf({ ...none, key, ...rest })

test('opens the palette by Ctrl or Cmd with K, in a field too, and by a slash', () => {
  expect([of('k', { mod: true }), of('K', { mod: true, typing: true }), of('/')]).toEqual(
    Array(3).fill('palette'),
  )
  expect(of('?')).toBe('help')
})

test('leaves what is typed, a terminal’s keys and open dialogues alone', () => {
  expect([of('k'), of('/', { typing: true }), of('?', { typing: true })]).toEqual(Array(3).fill(undefined))
  expect([of('k', { mod: true, terminal: true }), of('/', { terminal: true })]).toEqual([
    undefined,
    undefined,
  ])
  expect([of('k', { mod: true, modal: true }), of('/', { modal: true })]).toEqual([undefined, undefined])
  expect([of('/', { mod: true }), of('k', { mod: true, other: true })]).toEqual([undefined, undefined])
})
