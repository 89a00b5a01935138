export type {
  AdapterUnderTest,
  ConformanceCluster,
  ConformanceNode,
  Feature,
  Group,
  OpenOptions,
  Query,
  Subject,
} from './conformance/adapter.ts'
export { mysql, postgres, type SqlDialect, sqlite } from './conformance/dialect.ts'
export { describeAdapter, groupNames } from './conformance/index.ts'
