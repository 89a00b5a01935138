import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from '@jest/globals'

const here = import.meta.dirname
const bin = ['--conditions=@flyroute/source', join(here, '..', 'src', 'bin.ts')]

test('the command runs an app in its regions, prints each request, and ends with Ctrl-C', async () => {
  const options = ['--regions', 'ord,ams', '--rtt', 'ord-ams=20', '--setup', 'echo $FLY_REGION prepared']
  const args = [...bin, 'lab', ...options, '--', process.execPath, join(here, 'fixtures', 'server.mjs')]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  const reader = createInterface({ input: child.stdout })
  reader.on('line', (line) => lines.push(line))
  const printed = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const found = lines.map((line) => pattern.exec(line)).find((match) => match !== null)
      if (found) return found
      await once(reader, 'line')
    }
  }
  try {
    const [, ams = ''] = await printed(/^ {2}ams {2}(http:\S+) {2}replica, 20 ms from ord$/)
    expect(lines).toContain('setup │ ord prepared')
    // What the app says comes through a pipe of its own.
    await printed(/^ams │ listening$/)
    expect(await (await fetch(`${ams}/posts`)).text()).toBe('hello from ams')
    await printed(/^ams GET \/posts → local \d+ ms$/)
    expect(await (await fetch(`${ams}/posts`, { method: 'POST' })).text()).toBe('hello from ord')
    await printed(/^ams POST \/posts → ord \d+ ms \(insert\)$/)
    await printed(/^The primary, as its administrator: postgres:/)
  } finally {
    child.kill('SIGINT')
  }
  expect(await once(child, 'exit')).toEqual([0, null])
})
