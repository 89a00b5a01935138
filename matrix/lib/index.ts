export { allOperations, type OperationName } from './operations.ts'
export { defineOrm, type Opened, type OrmSuite, type Run, type Source } from './orm.ts'
export { describeOrm } from './suite.ts'
