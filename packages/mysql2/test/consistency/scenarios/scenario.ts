import type { MysqlNode } from '@flyroute/testkit'
import type { Scenario as AnyScenario } from '@flyroute/testkit/consistency'

export { withoutPrimary } from '@flyroute/testkit/consistency'
export type Scenario = AnyScenario<MysqlNode>
