// In litefs.yml, an `exec` command with `if-candidate: true`: it runs on the primary, before the app starts.

import { openDatabase } from '@flyroute/better-sqlite3'
import { assertPrimary } from '@flyroute/core'

const db = openDatabase()
await assertPrimary(db)
db.exec(
  'create table if not exists post (id integer primary key, title text not null, views integer not null default 0)',
)
db.close()
