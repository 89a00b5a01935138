import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { describeApp } from '../../../examples/demo/src/node-test.ts'

const run = promisify(execFile)
const type = 'application/json; charset=utf-8'

describeApp(
  'controllers, an exception filter, its own Jest in CommonJS',
  {
    folder: import.meta.dirname,
    prepare: () => run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json']),
    command: ['node', 'dist/main.js'],
    setup: ['node', 'dist/migrate.js'],
    errors: {
      '/nowhere': { status: 404, type, body: '{"error":"Cannot GET /nowhere"}' },
      '/broken': { status: 500, type, body: '{"error":"Something went wrong."}' },
      '/teapot': { status: 418, type, body: '{"error":"I am a teapot."}' },
    },
  },
  (stage) => {
    test("its own Jest, in CommonJS, on the app's replica", async () => {
      await stage().lab.databases.caughtUp()
      const { primary } = stage().lab.databases
      const env = {
        ...process.env,
        FLY_REGION: 'ams',
        PRIMARY_REGION: 'ord',
        DATABASE_URL: primary.url,
        DATABASE_URL_AMS: stage().lab.databases.node('ams').url,
      }
      await run(process.execPath, ['node_modules/jest/bin/jest.js', '--runInBand', '--forceExit=false'], { env })
    })
  },
)
