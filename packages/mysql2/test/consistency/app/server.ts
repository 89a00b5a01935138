// The app that the workload is run against, as it runs on each machine.
import { createPool } from '@flyroute/mysql2/promise'
import { serveApp } from '@flyroute/testkit/consistency/app'
import { mutations } from './mutations.ts'
import { requests } from './requests.ts'

serveApp({ open: () => createPool({ connectionLimit: 20 }), requests, mutations })
