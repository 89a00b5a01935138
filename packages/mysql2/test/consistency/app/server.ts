// The app that the workload is run against, as it runs on each machine, before MariaDB.
import { createPool } from '@flyroute/mysql2/promise'
import { serveApp } from '@flyroute/testkit/consistency/app'
import { mutations } from './mutations.ts'
import { requestsOf } from './requests.ts'

serveApp({
  open: (name) => createPool({ connectionLimit: name === 'app' ? 20 : 5, name }),
  requests: requestsOf('mariadb'),
  mutations,
})
