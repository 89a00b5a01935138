import { playSessions } from '@flyroute/testkit/sessions'
import { mariadb, postgres } from './adapter.ts'

await playSessions({ 'kysely-postgres': postgres, 'kysely-mariadb': mariadb })
