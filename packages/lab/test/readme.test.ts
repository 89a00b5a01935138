import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from '@jest/globals'

const folder = join(import.meta.dirname, 'fixtures', 'readme')

test('the example of the README is what is run here, and it holds', async () => {
  const readme = readFileSync(join(import.meta.dirname, '..', 'README.md'), 'utf8')
  for (const file of ['server.js', 'lab.js']) expect(readme).toContain(readFileSync(join(folder, file), 'utf8'))
  const path = `${dirname(process.execPath)}:${process.env['PATH']}`
  const options = { cwd: folder, env: { ...process.env, PATH: path } }
  await promisify(execFile)(process.execPath, ['--conditions=@flyroute/source', 'lab.js'], options)
})
