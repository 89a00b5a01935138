import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from '@jest/globals'

const program = join(import.meta.dirname, 'fixtures', 'early-events.ts')

test.each([
  ['what came before any subscriber is handed to the first, and to no other', 'first'],
  ['the newest are kept, and only what tells of a state', 'newest'],
  ['it is kept again where no subscriber is left', 'again'],
])(
  '%s',
  async (_, name) => {
    await promisify(execFile)(process.execPath, ['--conditions=@flyroute/source', program, name])
  },
  30_000,
)
