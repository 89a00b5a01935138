import { playInterleavings } from '@flyroute/testkit/interleavings'
import { adapter } from './adapter.ts'

await playInterleavings(adapter)
