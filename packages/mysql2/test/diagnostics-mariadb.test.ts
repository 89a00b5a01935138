import { startMariadb } from '@flyroute/testkit'
import { describeDiagnostics } from './diagnostics.ts'

describeDiagnostics('mariadb', () => startMariadb({ replicas: 1 }))
