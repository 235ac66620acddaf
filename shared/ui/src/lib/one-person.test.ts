import { expect, test, vi } from 'vitest'
import { onePerson } from './one-person.ts'

test('a page goes on for the person it began with, however often it looks', async () => {
  const anew = vi.fn()
  const page = onePerson(anew)
  for (const id of ['ada', 'ada', 'ada']) await page.is(id)
  expect(anew).not.toHaveBeenCalled()
})

test('for somebody else it is loaded anew, and shows them nothing before that', async () => {
  const [anew, shown] = [vi.fn(), vi.fn()]
  const page = onePerson(anew)
  await page.is('ada')
  void page.is('grace').then(shown)
  await page.is('ada')
  expect(anew).toHaveBeenCalledOnce()
  expect(shown).not.toHaveBeenCalled()
})

test('when its person is signed out it is loaded anew, and not led on to a sign-in that would keep what it holds', async () => {
  const [anew, led] = [vi.fn(), vi.fn()]
  const page = onePerson(anew)
  await page.is('ada')
  void page.nobody().then(led)
  await page.is('ada')
  expect(anew).toHaveBeenCalledOnce()
  expect(led).not.toHaveBeenCalled()
})

test('a page that was nobody’s stays when nobody is signed in', async () => {
  const anew = vi.fn()
  const page = onePerson(anew)
  await page.nobody()
  await page.is('ada')
  page.forget()
  await page.nobody()
  expect(anew).not.toHaveBeenCalled()
})

test('after a sign-in in the page it is whose that was', async () => {
  const anew = vi.fn()
  const page = onePerson(anew)
  await page.is('ada')
  page.forget()
  await page.is('grace')
  expect(anew).not.toHaveBeenCalled()
})
