export { assertPrimary } from './assert-primary.ts'
export {
  type Access,
  type Classification,
  type ClassificationExplanation,
  type ClassifyOptions,
  classify,
  type Dialect,
  explainClassification,
  type FunctionNames,
  type StatementExplanation,
} from './classify/index.ts'
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
export type { DriverAdapterOptions } from './member/options.ts'
export {
  createReplayPolicy,
  type IncomingRequest,
  type Outcome,
  type ReplayPolicy,
  type ReplayPolicyOptions,
  type RequestFacts,
  type TokenCookie,
  type UnmeasuredBody,
  type Verdict,
  type Visit,
} from './policy.ts'
export {
  type HeaderValue,
  type HttpAnswer,
  parseReplayFailure,
  parseReplaySource,
  type ReplayCache,
  type ReplayCacheInvalidation,
  type ReplayFailure,
  type ReplayResponseOptions,
  type ReplayRouting,
  type ReplaySource,
  type ReplayTarget,
  type ReplayTransform,
  replayResponse,
} from './replay.ts'
export type { Replication, ReplicationStatus } from './replication/index.ts'
export { runOnPrimary, runWithConsistency } from './request/scope.ts'
export type { Consistency } from './request/state.ts'
export { requirePrimary } from './require-primary.ts'
export { runWithToken } from './run-with-token.ts'
export {
  type Connection,
  type Endpoint,
  type ResolveTopologyOptions,
  resolveTopology,
  type Topology,
  type TopologyNote,
} from './topology.ts'
