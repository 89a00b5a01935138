// The app that the workload is run against, as it runs on each machine.
import { createPool } from '@flyroute/pg'
import { serveApp } from '@flyroute/testkit/consistency/app'
import { mutations } from './mutations.ts'
import { requests } from './requests.ts'

serveApp({ open: (name) => createPool({ max: name === 'app' ? 20 : 5, name }), requests, mutations })
