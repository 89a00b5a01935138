import { describeInterleavings } from '@flyroute/testkit/interleavings/describe'
import { adapter } from './interleavings/adapter.ts'

describeInterleavings(adapter, { runs: 8_000 })
