import { describeSessions } from '@flyroute/testkit/sessions/describe'
import { mariadb } from './sessions/adapter.ts'

// MariaDB leaves a connection open whose other user it has not let in; ours is closed then, as with MySQL.
describeSessions(mariadb, { isKnownToFail: true })
