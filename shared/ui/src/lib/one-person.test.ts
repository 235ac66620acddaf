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

test('after a sign-in in the page it is whose that was', async () => {
  const anew = vi.fn()
  const page = onePerson(anew)
  await page.is('ada')
  page.forget()
  await page.is('grace')
  expect(anew).not.toHaveBeenCalled()
})
