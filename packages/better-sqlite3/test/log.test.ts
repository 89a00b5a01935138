import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'

// What a process says by itself on LiteFS, where the primary moves without a change of the settings.

test('where it reads and writes, and that the primary has moved, which is nothing wrong', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flyroute-log-'))
  try {
    writeFileSync(join(folder, 'app.db-pos'), '0000000000000001/0000000000000000\n')
    const program = `
      import { writeFileSync } from 'node:fs'
      import { openDatabase } from '@flyroute/better-sqlite3'
      const db = openDatabase(${JSON.stringify(join(folder, 'app.db'))})
      writeFileSync(${JSON.stringify(join(folder, '.primary'))}, 'ams')
      await db.replication.status()`
    const { stderr } = spawnSync(
      process.execPath,
      ['--conditions=@flyroute/source', '--input-type=module', '-e', program],
      {
        cwd: import.meta.dirname,
        encoding: 'utf8',
        env: { PATH: process.env['PATH'] ?? '', FLY_REGION: 'ord', PRIMARY_REGION: 'ord' },
      },
    )
    expect(stderr.trim().split('\n')).toEqual([
      'flyroute: ord reads from and writes to the database file (primary)',
      'flyroute: the database file leads to a replica now',
    ])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
