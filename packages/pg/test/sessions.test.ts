import { describeSessions } from '@flyroute/testkit/sessions/describe'
import { adapter } from './sessions/adapter.ts'

describeSessions(adapter)
