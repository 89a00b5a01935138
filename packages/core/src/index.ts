export { assertPrimary } from './assert-primary.ts'
export { classify } from './classify/classify.ts'
export { type ClassificationExplanation, explainClassification, type StatementExplanation } from './classify/explain.ts'
export type { Access, Classification, ClassifyOptions, Dialect, FunctionNames } from './classify/types.ts'
export type { Connection, Endpoint } from './endpoint.ts'
export type { Environment } from './env.ts'
export { findPrimaryRequired, isPrimaryRequired } from './errors/find.ts'
export {
  ConfigurationError,
  type ConfigurationProblem,
  FlyrouteError,
  type FlyrouteErrorCode,
  PrimaryRequiredError,
  type PrimaryRequiredReason,
  ReplayUnavailableError,
  type ReplayUnavailableReason,
} from './errors.ts'
export type { FlyrouteEvent, FlyrouteEvents } from './events.ts'
export { type HealthOptions, healthResponse } from './health.ts'
export type { Log, Logger, LogLine } from './log/reporter.ts'
export type { DriverAdapterOptions } from './member/options.ts'
export { type MigrationUrlOptions, migrationUrl } from './migration-url.ts'
export {
  createReplayPolicy,
  type IncomingRequest,
  type Outcome,
  type Placement,
  type ReplayPolicy,
  type ReplayPolicyOptions,
  type RequestFacts,
  type TokenCookie,
  type UnmeasuredBody,
  type Verdict,
  type Visit,
} from './policy.ts'
export type { ReplayCache, ReplayCacheInvalidation } from './replay/cache.ts'
export {
  type HeaderValue,
  parseReplayFailure,
  parseReplaySource,
  type ReplayFailure,
  type ReplaySource,
} from './replay/parse.ts'
export { type HttpAnswer, type ReplayResponseOptions, replayResponse } from './replay/response.ts'
export type { ReplayRouting } from './replay/routing.ts'
export type { ReplayTarget } from './replay/target.ts'
export type { ReplayTransform } from './replay/transform.ts'
export type { Replication, ReplicationStatus } from './replication/types.ts'
export { runOnPrimary, runWithConsistency } from './request/scope.ts'
export type { Consistency } from './request/state.ts'
export { requirePrimary } from './require-primary.ts'
export { runWithToken } from './run-with-token.ts'
export type { ResolveTopologyOptions } from './topology/options.ts'
export { resolveTopology } from './topology/resolve.ts'
export type { Topology, TopologyNote } from './topology/topology.ts'
