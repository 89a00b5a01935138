import { describeSessions } from '@flyroute/testkit/sessions/describe'
import { mariadb } from './sessions/adapter.ts'

describeSessions(mariadb)
