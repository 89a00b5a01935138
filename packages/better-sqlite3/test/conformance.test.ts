import { openDatabase } from '@flyroute/better-sqlite3'
import { describeAdapter, type Query, type Subject, sqlite } from '@flyroute/testkit/conformance'
import { onLitefs } from '@flyroute/testkit/litefs'

type Row = Record<string, unknown>

describeAdapter({
  ...onLitefs,
  name: 'better-sqlite3 on LiteFS',
  dialect: sqlite,
  // SQLite knows no aborted transaction: what was written in this one cannot be committed on a replica, and COMMIT says why.
  abortedCommit: 'PrimaryRequiredError',
  without: {
    ...onLitefs.without,
    'waiting-statement': 'a synchronous statement cannot wait: it is stale, and a job calls waitFor first',
  },
  open({ env, replayCostMs }): Subject {
    // On LiteFS every machine has its own file by the same name: here they are told apart by their region's variable.
    const url = (env['FLY_REGION'] === 'ams' && env['DATABASE_URL_AMS']) || env['DATABASE_URL']
    const db = openDatabase(undefined, { env: { ...env, DATABASE_URL: url }, replayCostMs })
    const run: Query = async (sql) => {
      const statement = db.prepare(sql)
      if (statement.reader) return statement.all() as Row[]
      statement.run()
      return []
    }
    // One connection, on which whoever has begun a transaction is alone until it ends.
    let free: Promise<unknown> = Promise.resolve()
    const alone = <T>(work: () => Promise<T>): Promise<T> => {
      const done = free.then(work)
      free = done.catch(() => undefined)
      return done
    }
    return {
      database: db,
      query: (sql) => alone(() => run(sql)),
      transaction: (work) =>
        alone(async () => {
          db.exec('begin')
          try {
            const result = await work(run)
            db.exec('commit')
            return result
          } catch (error) {
            db.exec('rollback')
            throw error
          }
        }),
      async end() {
        db.close()
      },
    }
  },
})
