import { parseArgs } from 'node:util'
import { playAll } from '@flyroute/testkit/consistency'
import * as scenarios from './scenarios/index.ts'
import { mariadb, mysql } from './world.ts'

const { values } = parseArgs({ strict: false, options: { database: { type: 'string' } } })
await playAll(values.database === 'mysql' ? mysql : mariadb, scenarios)
