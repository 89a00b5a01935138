// The entry point for adapters: what the author of one needs. It is outside semver: it may change in any release, together
// with the adapters of this repository.
export type { RouteReport, TrafficReport } from './advice/traffic.ts'
export { type Classifier, type ClassifierOptions, createClassifier } from './classify/classifier.ts'
export { createStatementMemory, type StatementMemory } from './classify/memory.ts'
export type { Analysis, Leaves, PreparedStep, SettingFacts, TransactionControl } from './classify/types.ts'
export { rollbackFor } from './connection/aborted.ts'
export { Action, Effect } from './connection/action.ts'
export { BorrowedPrimary, type PrimaryConnection } from './connection/borrowed-primary.ts'
export { decide } from './connection/decide.ts'
export { type Failure, interpretError, isDropped, type Verdict } from './connection/failure.ts'
export { ConnectionGuard, type GuardedDatabase, type Side } from './connection/guard.ts'
export { registerIntent } from './connection/intent.ts'
export { mayWrite } from './connection/on-primary.ts'
export { Session } from './connection/session.ts'
export type { Setting } from './connection/setting.ts'
export { sentNow, tellStatement } from './connection/told-statement.ts'
export { Transaction } from './connection/transaction.ts'
export { ifStillWanted, whenReady } from './connection/when-ready.ts'
export type { TransactionStatus, Wire } from './connection/wire.ts'
export type { Ask, AskRows } from './dialect/ask.ts'
export { Catalogue, type CatalogueOptions } from './dialect/catalogue.ts'
export type { DialectFacts, DialectFactsOptions, ServerProblem } from './dialect/facts.ts'
export { factsOf } from './dialect/facts-of.ts'
export { gtids, upTo } from './dialect/gtid.ts'
export { readMysqlError } from './dialect/mysql.ts'
export { mysqlFacts } from './dialect/mysql-facts.ts'
export { lsn, type ServerWord } from './dialect/postgres.ts'
export { postgresFacts } from './dialect/postgres-facts.ts'
export { briefColumns, postgresQuestions } from './dialect/postgres-observation.ts'
export { noTransaction, readSqliteError, readTxid, txid } from './dialect/sqlite.ts'
export {
  replayedColumns,
  walPositionColumns,
} from './dialect/wal-position.ts'
export type { Writers } from './dialect/writers.ts'
export { removeParameters } from './endpoint-url.ts'
export { type Environment, type LitefsEnvironment, readLitefs } from './env.ts'
export {
  type DatabaseContext,
  type DatabaseKind,
  type DatabaseSettings,
  Databases,
  type ResolvedDatabase,
} from './identity/databases.ts'
export { refusesMysqlLogin, refusesPostgresLogin } from './identity/login.ts'
export { copyOptions, hideSecrets } from './identity/secrets.ts'
export type { SharedSource, SharedSourceOptions } from './identity/shared-source.ts'
export {
  type AskedPool,
  asksForConnection,
  canReplay,
  goesToPrimary,
  insteadOfLocal,
  isOut,
  needsPrimary,
  noteUnavailable,
  noteUnreachable,
  withoutConnection,
} from './member/check-out.ts'
export { boundsOf, type ConnectionBounds } from './member/fly-proxy.ts'
export {
  boundedConnectMs,
  DriverDatabase,
  type Member,
  type PrimaryPool,
  primaryBounds,
  problemNotices,
} from './member/open.ts'
export { type ResolvedOptions, resolveOptions } from './member/options.ts'
export { type AskedConnection, answerMs } from './member/own-connection.ts'
export { lostError, unaskedLooks, Watchdog, Watched } from './member/watchdog.ts'
export { asksForNothing, isPlainRead } from './plain-read.ts'
export { traceOf } from './policy/replay-state.ts'
export type { Observation, Position, PositionAlgebra, Role, ServerInstance } from './position.ts'
export { isKnownRegion } from './regions.ts'
export { DatabaseReplication, type DatabaseReplicationOptions } from './replication/database.ts'
export { estimateCrossingMs, estimateReplayMs } from './replication/price.ts'
export type { ReplicationSource } from './replication/source.ts'
export { type HeldConnection, HeldConnections } from './request/held.ts'
export { neverSettles, refusesLate } from './request/late.ts'
export { createScope, currentScope, runInScope, type Scope } from './request/scope.ts'
export { createRequestState, RequestState, type WriteOutcome } from './request/state.ts'
export { failBack } from './request/unhandled.ts'
export { encodeToken, type Freshness, type TokenContent } from './token.ts'
export { type MemberOptions, memberTopology } from './topology/member.ts'
export { createTopology, withRole } from './topology/topology.ts'
