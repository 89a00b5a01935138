import { replayServers } from '@flyroute/core/node'
import { createPool } from '@flyroute/pg'

replayServers({ databases: [createPool()] })
