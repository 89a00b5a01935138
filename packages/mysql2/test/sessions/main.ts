import { playSessions } from '@flyroute/testkit/sessions'
import { mariadb, mysql } from './adapter.ts'

await playSessions({ mariadb, mysql })
