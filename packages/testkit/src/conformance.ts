export type { AdapterUnderTest, ConformanceNode, Feature, OpenOptions, Query, Subject } from './conformance/adapter.ts'
export { mysql, postgres, type SqlDialect } from './conformance/dialect.ts'
export { describeAdapter } from './conformance/index.ts'
