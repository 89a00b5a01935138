import { playSessions } from '@flyroute/testkit/sessions'
import { adapter } from './adapter.ts'

await playSessions({ pg: adapter })
