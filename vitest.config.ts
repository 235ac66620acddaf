import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { spreadFiles } from './shared/testing/src/file-order.ts'

// Every project's tests are real processes talking to real services, and much of their time is waiting: three files at a time keep two
// cores busy. It has to be said for each: a project without a number of its own gets one worker on two cores, and a turn after all others.
// A test that hangs ends with its time; no time is short enough to be reached by one that only is slow.
const shared = { environment: 'node', testTimeout: 180_000, hookTimeout: 300_000, maxWorkers: 3 } as const

class Spread extends BaseSequencer {
  override async sort(specs: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(specs)
    return spreadFiles(sorted.map((spec) => ({ spec, project: spec.project.name, path: spec.moduleId }))).map(
      ({ spec }) => spec,
    )
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: Spread },
    projects: [
      { test: { ...shared, name: 'boundaries', include: ['shared/testing/src/boundaries/*.test.ts'] } },
      {
        test: {
          ...shared,
          name: 'unit',
          include: ['{shared,services,migrations,infra}/**/*.test.ts'],
          exclude: [
            '**/node_modules/**',
            '**/*.db.test.ts',
            '**/*.docker.test.ts',
            'shared/testing/src/boundaries/**',
          ],
        },
      },
      {
        test: {
          ...shared,
          name: 'db',
          include: ['{shared,services,migrations,infra}/**/*.db.test.ts'],
          exclude: ['**/node_modules/**'],
          globalSetup: ['shared/testing/src/services.setup.ts'],
        },
      },
      {
        test: {
          ...shared,
          name: 'docker',
          include: ['{shared,services}/**/*.docker.test.ts', 'e2e/**/*.test.ts'],
          exclude: ['**/node_modules/**', 'e2e/console/**'],
          globalSetup: ['shared/testing/src/services.setup.ts'],
          testTimeout: 400_000,
        },
      },
      {
        test: {
          ...shared,
          name: 'browser',
          include: ['e2e/console/**/*.test.ts'],
          globalSetup: ['shared/testing/src/services.setup.ts'],
          // Alone and last: a browser drops what is on its way whenever this machine's networks change, as they do with every container.
          sequence: { groupOrder: 1 },
          maxWorkers: 1,
          testTimeout: 400_000,
        },
      },
    ],
  },
})
