import { describeSessions } from '@flyroute/testkit/sessions/describe'
import { mysql } from './sessions/adapter.ts'

describeSessions(mysql)
