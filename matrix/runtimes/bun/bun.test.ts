import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { describeRuntime } from '../../lib/runtimes.ts'

const folder = import.meta.dirname

const bun = join(folder, 'node_modules/bun/bin/bun.exe')

describeRuntime(
  folder,
  [bun],
  [
    {
      title: 'pg behind the handler wrapper of fetch (Hono, Bun.serve)',
      example: 'hono',
      command: ['../../serve.ts'],
      untyped: 'application/octet-stream',
    },
    {
      title: 'pg behind the handler wrapper of fetch (Hono, @hono/node-server)',
      example: 'hono',
      command: ['server.ts'],
      untyped: 'text/plain; charset=UTF-8',
    },
    { title: 'pg behind the middleware of node:http (Express)', example: 'express', command: ['server.ts'] },
  ],
)

describe('a middleware for all servers', () => {
  test('says that there is none on Bun', async () => {
    await assert.rejects(
      promisify(execFile)(bun, ['servers.ts'], { cwd: folder }),
      /TypeError: replayServers: servers on Bun do not tell of their requests/,
    )
  })
})

describe('answers of all kinds, as without a middleware', () => {
  test('types and lengths', async () => {
    const { stdout } = await promisify(execFile)(bun, ['answers.ts'], { cwd: folder })
    const answers: { kind: string; bare: unknown; behind: unknown }[] = JSON.parse(stdout)
    assert.equal(answers.length, 7)
    for (const { kind, bare, behind } of answers) assert.deepEqual(behind, bare, kind)
  })
})
