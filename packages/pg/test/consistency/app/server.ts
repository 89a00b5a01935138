// The app that the workload is run against, as it runs on each machine.
import { createPool } from '@flyroute/pg'
import { serveApp } from '@flyroute/testkit/consistency/app'
import { mutations } from './mutations.ts'
import { requests } from './requests.ts'

serveApp({ open: () => createPool({ max: 20 }), requests, mutations })
