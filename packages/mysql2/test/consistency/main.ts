import { playAll } from '@flyroute/testkit/consistency'
import * as scenarios from './scenarios/index.ts'
import { mariadb } from './world.ts'

await playAll(mariadb, scenarios)
