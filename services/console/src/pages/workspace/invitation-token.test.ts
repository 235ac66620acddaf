import { expect, test } from 'vitest'
import { invitationLink, tokenOf } from './invitation-token.ts'

test('a link carries its token behind the #, where no server sees it', () => {
  const url = new URL(invitationLink('https://nora.example', 'nora_invite_a-b_c+d'))
  expect([url.pathname, url.search]).toEqual(['/invitation', ''])
  expect(tokenOf(url.hash)).toBe('nora_invite_a-b_c+d')
})

test('a fragment without a token has none', () => {
  for (const hash of ['', '#', '#token', '#token=', '#token=%20', '#other=1', '#tokenx=1'])
    expect(tokenOf(hash)).toBeUndefined()
})
