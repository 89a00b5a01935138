import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { ending, refused } from './unhandled/cases.ts'

const program = join(import.meta.dirname, 'unhandled', 'main.ts')
const doors = ['handler', 'middleware', 'fetch']

/** How a process with one request ends. */
function run(kind: string, door: string, { flags = [] as string[], listener = '' } = {}) {
  const args = [...flags, '--conditions=@flyroute/source', program, kind, door, ...(listener === '' ? [] : [listener])]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  return { status, stdout: stdout.trim(), stderr }
}

const replayed = { status: 0, stdout: 'answered 409, 0 listeners', stderr: '' }

describe('a refusal that no code handles does not end the process, and its request is replayed', () => {
  test.each(Object.keys(refused).flatMap((kind) => doors.map((door) => [kind, door] as const)))(
    '%s (%s)',
    (kind, door) => {
      expect(run(kind, door)).toEqual(replayed)
    },
  )

  test('in the strictest mode of Node', () => {
    expect(run('a write that is not awaited', 'fetch', { flags: ['--unhandled-rejections=strict'] })).toEqual(replayed)
  })

  test("and the app's own listener does not hear of it", () => {
    const { status, stdout } = run('a write that is not awaited', 'fetch', { listener: 'listens' })
    expect([status, stdout]).toEqual([0, 'answered 409, 1 listeners'])
  })
})

describe('everything else ends the process, as without us', () => {
  test.each(Object.keys(ending).flatMap((kind) => doors.map((door) => [kind, door] as const)))(
    '%s (%s)',
    (kind, door) => {
      const { status, stdout, stderr } = run(kind, door)
      expect([status, stdout]).toEqual([1, ''])
      expect(stderr).toMatch(kind.startsWith('a refusal') ? /\[ERR_PRIMARY_REQUIRED\]/ : /Error: the last word/)
    },
  )

  test("or reaches the app's own listener", () => {
    expect(run("the app's own, in a request that reads", 'fetch', { listener: 'exits' }).status).toBe(3)
  })
})
