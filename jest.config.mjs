/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/packages', '<rootDir>/examples'],
  testMatch: ['**/test/**/*.test.ts'],
  modulePathIgnorePatterns: ['/\\.dist-'], // a build under way
  extensionsToTreatAsEsm: ['.ts'],
  // Packages are tested from their sources; what is published is tested in packages/testkit/test/packages.test.ts.
  testEnvironmentOptions: { customExportConditions: ['@flyroute/source', 'node', 'node-addons'] },
  transform: {
    '\\.ts$': [
      '@swc/jest',
      {
        jsc: { target: 'es2023', parser: { syntax: 'typescript' } },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  globalSetup: '<rootDir>/scripts/lib/jest/setup.mjs',
  setupFilesAfterEnv: ['<rootDir>/scripts/lib/jest/early-events.mjs'],
  globalTeardown: '<rootDir>/scripts/lib/jest/teardown.mjs',
  testSequencer: '<rootDir>/scripts/lib/jest/sequencer.mjs',
  // More than there are cores: most tests wait, for an ocean or for what a server does when another one hangs.
  maxWorkers: 4,
  testTimeout: 60_000,
}
