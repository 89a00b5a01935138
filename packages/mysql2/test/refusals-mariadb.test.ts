import { startMariadb } from '@flyroute/testkit'
import { describeRefusals } from './refusals.ts'

describeRefusals('mariadb', () => startMariadb({ replicas: 1 }))
