import { ApiProblem } from '@nora/client/problem'
import { expect, test } from 'vitest'
import { fieldErrors } from './problem-words.ts'

test('names the fields of a form, as the api writes their paths', () => {
  const errors = [
    { path: 'body/secret/apiKey', message: 'has an empty field' },
    { path: '/label', message: 'is too long' },
  ]
  const problem = { type: 'urn:nora:problem:bad-request', title: 'No', status: 400, code: 'bad-request' }
  const error = new ApiProblem({ ...problem, correlationId: 'c', errors })
  expect(fieldErrors(error)).toEqual({ 'secret.apiKey': 'Has an empty field', label: 'Is too long' })
})
