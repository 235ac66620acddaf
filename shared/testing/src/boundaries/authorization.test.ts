import { authorizationPage } from '@nora/api/authorization/page'
import { undecided } from '@nora/api/authorization/table'
import { withDescribedApi } from '@nora/api/testing/described-api'
import { expect, test } from 'vitest'
import { readSource } from './sources.ts'

// services/api/src/authorization/authorization.db.test.ts asks what the table says; this is the part that needs no database.

test('every route of the api has been decided about in the authorization matrix', async () => {
  await withDescribedApi((app) => {
    expect(undecided([...app.routeList, ...app.upgradeList])).toEqual([])
  })
})

test('docs/authorization.md shows the matrix', () => {
  expect(readSource('docs/authorization.md').text, 'run `npm run docs:authorization`').toBe(
    authorizationPage(),
  )
})
