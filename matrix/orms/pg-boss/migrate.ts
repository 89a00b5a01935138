// Written by the matrix, from docs/orms.md.
import { assertPrimary } from '@flyroute/core'
import { createPool } from '@flyroute/pg'
import { PgBoss } from 'pg-boss'

const pool = createPool()
await assertPrimary(pool)
const boss = new PgBoss({ db: { executeSql: (text, values) => pool.query(text, values) }, supervise: false })
await boss.start()
await boss.createQueue('invoice')
await boss.stop({ graceful: false })
await pool.end()
