import { describeOrm } from '@flyroute/matrix'
import { suite } from './orm.ts'

describeOrm(suite, import.meta.dirname)
