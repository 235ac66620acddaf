import { expect, test } from 'vitest'
import type { Agent } from '../../agents/agent-actions.ts'
import { changesOf, needsRestart, placedErrors, problemsOf, valuesOf } from './changes.ts'

const agent = {
  name: 'one',
  image: 'ghcr.io/a/b:1',
  resources: { cpus: 0.5, memoryMb: 192, diskMb: 128, pids: 64 },
  env: { B: '2', A: '1' },
  config: { probePath: '/', keyEnv: { X: 'y' } },
  command: ['sh', '-c', 'echo "a b"'],
  port: null,
} as unknown as Agent

test('a form as it comes changes nothing', () => {
  expect(problemsOf(valuesOf(agent))).toEqual({})
  expect(changesOf(agent, valuesOf(agent))).toEqual({})
})

test('only what differs is sent', () => {
  const values = {
    ...valuesOf(agent),
    name: ' two ',
    cpus: '0.75',
    port: 8080,
    command: '',
    env: [
      { id: 1, name: 'A', value: '1' },
      { id: 2, name: 'C', value: '' },
      { id: 3, name: '', value: '' },
    ],
    config: '{"keyEnv":{"X":"y"},"probePath":"/"}',
  }
  const changes = changesOf(agent, values)
  expect(changes).toEqual({
    name: 'two',
    resources: { cpus: 0.75, memoryMb: 192, diskMb: 128, pids: 64 },
    port: 8080,
    command: null,
    env: { A: '1', C: '' },
  })
  expect(needsRestart(changes)).toBe(true)
  expect(needsRestart({ name: 'x' })).toBe(false)
})

test('each line is an argument', () => {
  expect(changesOf(agent, { ...valuesOf(agent), command: 'node\n--flag\nmain file.js\n' })).toEqual({
    command: ['node', '--flag', 'main file.js'],
  })
})

test('what is wrong is said where it is', () => {
  const values = {
    ...valuesOf(agent),
    name: ' ',
    memoryMb: '',
    config: '[1]',
    env: [
      { id: 1, name: '1A', value: 'x' },
      { id: 2, name: 'B', value: 'x' },
      { id: 3, name: 'B', value: 'y' },
    ],
  }
  expect(Object.keys(problemsOf(values)).sort()).toEqual([
    'config',
    'env.0.name',
    'env.2.name',
    'memoryMb',
    'name',
  ])
  expect(problemsOf({ ...valuesOf(agent), config: '{' })['config']).toMatch(/JSON/)
})

test('the words of the api stand at its fields', () => {
  const env = [{ id: 1, name: 'TOKEN', value: 'x' }]
  const errors = { 'resources.cpus': 'A', 'env.TOKEN': 'B', 'env.OTHER': 'C', 'config.foo': 'D', image: 'E' }
  expect(placedErrors(errors, env)).toEqual({
    cpus: 'A',
    'env.0.value': 'B',
    env: 'C',
    config: 'foo: D',
    image: 'E',
  })
})
