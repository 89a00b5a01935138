import { describeSessions } from '@flyroute/testkit/sessions/describe'
import { postgres } from './sessions/adapter.ts'

describeSessions(postgres)
