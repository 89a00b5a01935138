import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, openSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { type FlyrouteDatabase, openDatabase } from '@flyroute/better-sqlite3'
import { eventually } from '@flyroute/testkit/eventually'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import Database from 'better-sqlite3'

let folder: string
let path: string
let opened: FlyrouteDatabase[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flyroute-mount-'))
  path = join(folder, 'app.db')
  opened = []
  new Database(path).exec('create table post (id integer primary key)').close()
  position(1)
})
afterEach(() => {
  for (const db of opened) if (db.open) db.close()
  rmSync(folder, { recursive: true, force: true })
})

const position = (txid: number): void =>
  writeFileSync(`${path}-pos`, `${txid.toString(16).padStart(16, '0')}/80000000000000ff\n`)
const namePrimary = (text: string): void => writeFileSync(join(folder, '.primary'), text)

/** On a machine in that region; no other one is the primary, unless the test names it. */
function open(region: string, env: Record<string, string> = {}): FlyrouteDatabase {
  const db = openDatabase(path, { env: { FLY_REGION: region, PRIMARY_REGION: 'ord', ...env } })
  opened.push(db)
  return db
}

function thrown(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new Error('It was to be refused, and was not')
}

const insert = (db: Database.Database) => db.prepare('insert into post values (null)').run()

describe('.primary', () => {
  test.each([
    ['a machine', '148e21f7c42189\n', { instance: '148e21f7c42189' }],
    ['a machine with its domain', '148e21f7c42189.vm.app.internal\n', { instance: '148e21f7c42189' }],
    ['a host that is no machine', 'db_primary.example.com', { region: 'ord' }],
    ['nobody', '', { region: 'ord' }],
    ['white space', ' \n', { region: 'ord' }],
  ])('that names %s makes a replica, and requests go to the machine or the region', (_, text, target) => {
    namePrimary(text)
    const db = open('ams', { FLY_MACHINE_ID: '3d8d9930c32189' })
    expect(db.replication.topology.role).toBe('replica')
    expect(thrown(() => insert(db))).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED', target })
  })

  test('that names nobody, in the primary region: nobody knows where to go', () => {
    namePrimary('')
    expect(thrown(() => insert(open('ord')))).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED', target: {} })
  })

  test('that is not there: a candidate is the primary, and another node has lost it', () => {
    expect(insert(open('ord')).changes).toBe(1)
    expect(thrown(() => insert(open('ams')))).toMatchObject({ target: { region: 'ord' } })
  })

  test('and the position gone with it: LiteFS is not mounted any more, and nothing is written into the bare folder', async () => {
    const db = open('ord')
    rmSync(`${path}-pos`)
    await eventually(() => db.replication.topology.role === 'replica')
    expect(thrown(() => insert(db))).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED' })
    position(1)
    await eventually(() => db.replication.topology.role === 'primary')
    expect(insert(db).changes).toBe(1)
  })
})

describe("the app's own errors on the primary are no refusals", () => {
  test.each([
    ['query_only', (db: Database.Database) => db.pragma('query_only = on') && insert(db), 'SQLITE_READONLY'],
    ['ATTACH', (db: Database.Database) => db.exec("attach '/nowhere/at.all' as other"), 'SQLITE_CANTOPEN'],
    ['VACUUM INTO', (db: Database.Database) => db.exec("vacuum into '/nowhere/at.all'"), 'SQLITE_CANTOPEN'],
    [
      'VACUUM INTO, prepared',
      (db: Database.Database) => db.prepare("vacuum into '/nowhere/at.all'").run(),
      'SQLITE_CANTOPEN',
    ],
  ] as [string, (db: Database.Database) => unknown, string][])('%s', (_, run, code) => {
    const db = open('ord')
    expect(thrown(() => run(db))).toMatchObject({ code })
    expect(db.replication.topology.role).toBe('primary')
    db.pragma('query_only = off')
    expect(insert(db).changes).toBe(1)
  })
})

test('a replica may be backed up where it is', async () => {
  namePrimary('ord\n')
  const db = open('ams')
  db.exec(`vacuum into '${join(folder, 'copy.db')}'`)
  await db.backup(join(folder, 'backup.db'))
  expect(db.serialize().length).toBeGreaterThan(0)
  expect(existsSync(join(folder, 'copy.db'))).toBe(true)
})

test('what is not SQL is untouched: functions, aggregates, iterators, several forms of parameters', () => {
  namePrimary('ord\n')
  const db = open('ams')
  db.function('twice', (n: unknown) => Number(n) * 2)
  db.aggregate('total_of', { start: 0, step: (total: number, n: number) => total + n })
  const sql = 'select twice(?) as a, twice(?) as b'
  expect(db.prepare(sql).get(1, 2)).toEqual({ a: 2, b: 4 })
  expect(db.prepare(sql).get([1, 2])).toEqual({ a: 2, b: 4 })
  expect(db.prepare(sql).raw().get(1, 2)).toEqual([2, 4])
  expect(db.prepare(sql).bind(1, 2).all()).toEqual([{ a: 2, b: 4 }])
  expect(db.prepare('select twice(:n) as a').get({ n: 4 })).toEqual({ a: 8 })
  expect([...db.prepare('select twice(:n)').pluck().iterate({ n: 4 })]).toEqual([8])
  expect(db.prepare('select total_of(column1) from (values (1), (2))').pluck().get()).toBe(3)
  expect(() => db.prepare(sql).get(1)).toThrow('Too few parameter values')
  expect(() => db.prepare('select 1; select 2')).toThrow('more than one statement')
  expect(db.prepare('select 1').columns()).toHaveLength(1)
})

describe("LiteFS's words, in a process of their own", () => {
  /** Runs a script that has the database of the test open, as `db`, and says what comes of it. */
  function inProcess(
    script: string,
    { shell = 'exec "$0" --conditions=@flyroute/source --input-type=module -e "$1"', stdio = [] as number[] } = {},
  ): string {
    const program = `
      import { writeFileSync } from 'node:fs'
      const { openDatabase } = await import('@flyroute/better-sqlite3')
      ${script.replaceAll('FOLDER', JSON.stringify(folder)).replaceAll('FILE', JSON.stringify(path))}`
    const { stdout, stderr } = spawnSync('sh', ['-c', shell, process.execPath, program], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] ?? '', FLY_REGION: 'ord', PRIMARY_REGION: 'ord', FLYROUTE_LOG: 'off' },
      stdio: ['ignore', 'pipe', 'pipe', ...stdio],
    })
    return `${stdout}${stderr}`.trim()
  }
  const tell = `
    const tell = (run) => {
      try { run(); console.log('ran') } catch (error) { console.log(error.code, error.reason, error.cause?.code, JSON.stringify(error.target)) }
    }`

  test('a rollback journal that may not be made: SQLITE_READONLY_DIRECTORY', () => {
    // Root may write everywhere: so somebody else. LiteFS shows a replica's mount as a folder that nobody may write.
    const script = `
      ${tell}
      import { chmodSync } from 'node:fs'
      const db = openDatabase(FILE)
      writeFileSync(FOLDER + '/.primary', 'ams')
      chmodSync(FILE, 0o666)
      chmodSync(FOLDER, 0o555)
      if (process.getuid() === 0) process.seteuid(65534)
      tell(() => db.exec('pragma user_version = 7'))`
    expect(inProcess(script)).toBe('ERR_PRIMARY_REQUIRED refused SQLITE_READONLY_DIRECTORY {"instance":"ams"}')
  })

  test('WAL that may not grow: a bare disk I/O error, SQLITE_IOERR_WRITE', () => {
    // The process may not make files longer.
    const wal = new Database(path)
    wal.pragma('journal_mode = wal')
    wal.prepare('insert into post values (100)').run()
    const script = `
      ${tell}
      const db = openDatabase(FILE)
      writeFileSync(FOLDER + '/.primary', 'ams')
      tell(() => db.exec('create table other as with recursive n(i) as (values (1) union all select i + 1 from n where i < 9999) select i from n'))
      console.log(db.prepare('select id from post').pluck().get(), db.replication.topology.role)`
    const said = inProcess(script, {
      shell: 'ulimit -f 12; exec "$0" --conditions=@flyroute/source --input-type=module -e "$1"',
    })
    wal.close()
    expect(said).toBe('ERR_PRIMARY_REQUIRED refused SQLITE_IOERR_WRITE {"instance":"ams"}\n100 replica')
  })

  test('the HALT lock that litefs run -with-halt-lock-on hands on: LiteFS forwards what this process writes', () => {
    namePrimary('ams\n')
    writeFileSync(`${path}-lock`, '')
    const script = `
      ${tell}
      const db = openDatabase(FILE)
      tell(() => db.exec('insert into post values (5)'))`
    expect(inProcess(script)).toMatch(/^ERR_PRIMARY_REQUIRED write/)
    expect(inProcess(script, { stdio: [openSync(`${path}-lock`, 'r')] })).toBe('ran')
  })
})

describe('endings', () => {
  const filesInMount = (): string[] =>
    readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        const file = readlinkSync(`/proc/self/fd/${fd}`)
        return file.startsWith(folder) ? [file] : []
      } catch {
        return []
      }
    })

  test('several handles of one mount end one by one; nothing is left open behind the last', async () => {
    const [one, two, three] = [open('ord'), open('ord'), open('ord')]
    one?.close()
    two?.close()
    namePrimary('ams\n')
    await eventually(() => three?.replication.topology.role === 'replica')
    expect(one?.replication.topology.role).toBe('primary')
    expect(filesInMount()).toEqual([path])
    three?.close()
    three?.close()
    expect(filesInMount()).toEqual([])
  })

  test('a close that the driver refuses leaves the database as it was', async () => {
    insert(open('ord'))
    insert(open('ord'))
    const db = open('ord')
    const rows = db.prepare('select * from post').iterate()
    expect(rows.next().done).toBe(false)
    expect(() => db.close()).toThrow('busy')
    rows.return?.()
    namePrimary('ams\n')
    await eventually(() => db.replication.topology.role === 'replica')
  })

  test('a process that forgets to close ends by itself', () => {
    const script = `require('@flyroute/better-sqlite3').openDatabase(${JSON.stringify(path)}, { env: {} }); process.stdout.write('opened')`
    const { stdout, status } = spawnSync(process.execPath, ['--conditions=@flyroute/source', '-e', script], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      timeout: 30_000,
    })
    expect([stdout, status]).toEqual(['opened', 0])
  })

  test('a worker thread has a database of its own, which refuses as this one does', async () => {
    namePrimary('ams\n')
    const worker = new Worker(
      `
        const { parentPort } = process.getBuiltinModule('node:worker_threads')
        const { createRequire } = process.getBuiltinModule('node:module')
        const require = createRequire(${JSON.stringify(import.meta.filename)})
        const { openDatabase } = require('@flyroute/better-sqlite3')
        const db = openDatabase(${JSON.stringify(path)}, { env: { FLY_REGION: 'ord', PRIMARY_REGION: 'ord' } })
        try { db.exec('delete from post') } catch ({ code, message }) { parentPort.postMessage({ code, message }) }
        db.close()`,
      { eval: true, execArgv: ['--conditions=@flyroute/source'] },
    )
    const [message, code] = await Promise.all([
      new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject)),
      new Promise((resolve) => worker.once('exit', resolve)),
    ])
    expect(message).toMatchObject({
      code: 'ERR_PRIMARY_REQUIRED',
      message: expect.stringContaining("primary's machine"),
    })
    expect(code).toBe(0)
  })
})

test('on a laptop that has the settings and no LiteFS, it is a plain database', async () => {
  rmSync(`${path}-pos`)
  const db = openDatabase(undefined, { env: { LITEFS_DIR: folder, DATABASE_FILENAME: 'app.db' } })
  opened.push(db)
  expect(insert(db).changes).toBe(1)
  expect(db.transaction(() => insert(db).changes).immediate()).toBe(1)
  expect(await db.replication.status()).toMatchObject({ role: 'primary' })
  await db.replication.waitFor(await db.replication.currentToken())
})
