import { defineConfig } from 'vitest/config'

// Two cores: files run a few at a time; every project's tests are real processes talking to real services.
const shared = { environment: 'node', testTimeout: 60_000, hookTimeout: 120_000 } as const

export default defineConfig({
  test: {
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
          maxWorkers: 2,
          testTimeout: 180_000,
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
          testTimeout: 180_000,
        },
      },
    ],
  },
})
