import { FlyrouteDialect } from '@flyroute/kysely'
import { expect, test } from '@jest/globals'
import SQLite from 'better-sqlite3'
import { type Dialect, type Driver, Kysely, SqliteDialect } from 'kysely'

/** A dialect whose driver knows no savepoints. */
class Plain extends SqliteDialect {
  override createDriver(): Driver {
    return Object.assign(super.createDriver(), {
      savepoint: undefined,
      rollbackToSavepoint: undefined,
      releaseSavepoint: undefined,
    }) as unknown as Driver
  }
}

async function tell(wrap: (dialect: Dialect) => Dialect): Promise<unknown> {
  const db = new Kysely<{ post: object }>({ dialect: wrap(new Plain({ database: new SQLite(':memory:') })) })
  const transaction = await db.startTransaction().execute()
  const error = await transaction
    .savepoint('here')
    .execute()
    .catch((reason: Error) => reason.message)
  await transaction.rollback().execute()
  await db.destroy()
  return error
}

test('a driver without savepoints: the error is the one of Kysely', async () => {
  const bare = await tell((dialect) => dialect)
  expect(bare).toEqual(expect.stringContaining('savepoint'))
  expect(await tell((dialect) => new FlyrouteDialect({ dialect, env: {} }))).toBe(bare)
})
