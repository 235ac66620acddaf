import { ApiProblem } from '@nora/client/problem'
import { expect, test } from 'vitest'
import { checkDeploy, hasFolded, quotaWords, refusedFields } from './deploy-checks.ts'
import {
  bodyOf,
  type DeployOptions,
  type DeployValues,
  emptyForm,
  onceFor,
  type RuntimeOption,
} from './deploy-values.ts'

const few = { cpus: 0.1, memoryMb: 96, diskMb: 16, pids: 32 }
const usual = { cpus: 0.5, memoryMb: 192, diskMb: 128, pids: 64 }
const starter = {
  name: 'starter',
  asks: { image: 'no', command: 'no', port: 'no' },
  keyKinds: ['llm'],
  defaults: usual,
  minimum: few,
} as unknown as RuntimeOption
const image = {
  ...starter,
  name: 'image',
  asks: { image: 'required', command: 'optional', port: 'optional' },
} as RuntimeOption
const options = {
  runtimes: [starter, image],
  targets: [
    { name: 'kubernetes', available: false },
    { name: 'docker', available: true },
  ],
  sandboxProfiles: [{ name: 'standard', available: true }],
  quotas: { perAgent: { cpus: 2, memoryMb: 128, diskMb: 4096, pids: 32_768 } },
} as unknown as DeployOptions
const form = (more: Partial<DeployValues> = {}): DeployValues => ({
  ...emptyForm(options),
  name: ' a ',
  ...more,
})
const problem = (code: string, more: Record<string, unknown> = {}) =>
  new ApiProblem({ type: '', title: 'T', status: 422, correlationId: 'x', code, ...more })

test('a form begins with what can be chosen and what fits the limits', () => {
  expect(emptyForm(options)).toMatchObject({
    runtime: 'starter',
    target: 'docker',
    sandboxProfile: 'standard',
  })
  expect(emptyForm(options)).toMatchObject({ cpus: 0.5, memoryMb: 128, diskMb: 128, pids: 64 })
})

test('only what the runtime asks for is sent, and only what was filled in', () => {
  const values = form({ image: 'x', command: 'run', port: 80, probePath: '/', statePath: '/data' })
  expect(bodyOf(values, starter)).toEqual({
    name: 'a',
    runtime: 'starter',
    target: 'docker',
    sandboxProfile: 'standard',
    resources: { cpus: 0.5, memoryMb: 128, diskMb: 128, pids: 64 },
  })
  expect(bodyOf(form(), image)).not.toHaveProperty('config')
})

test('an image comes with its command by lines, its port, its health check and its variables', () => {
  const values = form({
    ...{ image: ' ghcr.io/you/agent:1 ', command: 'node\nmain.js\n\n', port: '8080', providerKeyIds: ['k'] },
    ...{ probePath: '/healthz', startSeconds: 30, statePath: '/data' },
    env: [
      { name: ' LEVEL ', value: ' debug ' },
      { name: '', value: '' },
    ],
  })
  expect(bodyOf(values, image)).toMatchObject({
    image: 'ghcr.io/you/agent:1',
    command: ['node', 'main.js'],
    port: 8080,
    providerKeyIds: ['k'],
    env: { LEVEL: ' debug ' },
    config: { probePath: '/healthz', startSeconds: 30, statePath: '/data' },
  })
})

test('a chosen key may be in a variable, which needs a command', () => {
  const values = form({
    ...{ image: 'i', providerKeyIds: ['k1', 'k2'], keyEnv: { k1: ' MODEL_KEY ', k2: '', k3: 'GONE' } },
    env: [{ name: 'A', value: '' }],
  })
  expect(bodyOf(values, image)).toMatchObject({ config: { keyEnv: { MODEL_KEY: 'k1' } } })
  expect(checkDeploy(values, starter, options)).toEqual({})
  expect(Object.keys(checkDeploy(values, image, options))).toEqual(['command'])
  const twice = { ...values, command: 'run', keyEnv: { k1: 'A', k2: '2' } }
  expect(Object.keys(checkDeploy(twice, image, options))).toEqual(['keyEnv.k1', 'keyEnv.k2'])
  const errors = [{ path: 'body/config/keyEnv/MODEL_KEY', message: 'is reserved' }]
  expect(refusedFields(problem('invalid-agent', { errors }), values)).toEqual({ 'keyEnv.k1': 'Is reserved' })
})

test('the same request sent again has the same key, another one another', () => {
  let count = 0
  const random = () => `key-${++count}`
  const first = onceFor(undefined, { name: 'a' }, random)
  expect(onceFor(first, { name: 'a' }, random)).toBe(first)
  expect(onceFor(first, { name: 'b' }, random).key).toBe('key-2')
})

test('what is wrong is said at its field before anybody is asked', () => {
  expect(checkDeploy(form(), starter, options)).toEqual({})
  const wrong = form({
    ...{ name: ' ', cpus: 3, memoryMb: '', port: 70_000 },
    env: [
      { name: '1X', value: 'a' },
      { name: 'A', value: '' },
      { name: 'A', value: '' },
    ],
  })
  expect(Object.keys(checkDeploy(wrong, image, options)).sort()).toEqual([
    'cpus',
    'env.0.name',
    'env.2.name',
    'image',
    'memoryMb',
    'name',
    'port',
  ])
  expect(checkDeploy(form({ image: 'i', probePath: '/' }), image, options)).toEqual({
    port: 'The health check needs a port.',
  })
})

test('a refusal is shown at the field it is about', () => {
  const values = form({
    env: [
      { name: 'LEVEL', value: 'x' },
      { name: 'API_KEY', value: 'y' },
    ],
  })
  const errors = [
    { path: 'body/env/API_KEY', message: 'has the name of a secret' },
    { path: 'body/config/probePath', message: 'needs "port"' },
    { path: 'body/resources/diskMb', message: 'too little' },
    { path: 'body/providerKeyIds/1', message: 'there is no such key' },
    { path: 'body/command/0', message: 'no' },
  ]
  expect(refusedFields(problem('invalid-agent', { errors }), values)).toEqual({
    'env.1.value': 'Has the name of a secret',
    probePath: 'Needs "port"',
    diskMb: 'Too little',
    providerKeyIds: 'There is no such key',
    command: 'No',
  })
  expect(refusedFields(problem('target-unavailable', { detail: 'planned' }), values)).toEqual({
    target: 'planned',
  })
  expect(refusedFields(new Error('x'), values)).toEqual({})
})

test('a quota is named, at its field where it has one', () => {
  const size = problem('quota-exceeded', { quota: 'MAX_RAM_MB', limit: 128 })
  expect(refusedFields(size, form())).toHaveProperty('memoryMb')
  expect(quotaWords(size)).toContain('MAX_RAM_MB')
  const count = problem('quota-exceeded', { quota: 'MAX_AGENTS', limit: 10 })
  expect(refusedFields(count, form())).toEqual({})
  expect(quotaWords(count)).toBe('This workspace has the 10 agents that it may have (MAX_AGENTS).')
  expect(quotaWords(problem('quota-exceeded', { quota: 'constructor' }))).toBeUndefined()
  expect(quotaWords(problem('forbidden'))).toBeUndefined()
})

test('the folded part is opened for what is wrong in it', () => {
  expect(hasFolded({ 'env.0.name': 'x' })).toBe(true)
  expect(hasFolded({ name: 'x', image: 'x' })).toBe(false)
})
