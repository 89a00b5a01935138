import type { Dialect } from '../classify/index.ts'
import type { Observation, Position, PositionAlgebra, Role, ServerInstance } from '../position.ts'
import type { Ask } from './ask.ts'
import type { ServerWord } from './postgres.ts'
import type { Writers } from './writers.ts'
export interface DialectFacts {
  readonly language: Dialect
  readonly algebra: PositionAlgebra
  readonly abortsTransactions: boolean
  readError(error: unknown): ServerWord | undefined
  isOfReadOnlyTransaction(error: unknown): boolean
  isAnswer(error: unknown): boolean
  teachesWrite(error: unknown): boolean
  observe(ask: Ask, expected: Role): Promise<Observation>
  writers(ask: Ask): Promise<Writers>
  position(ask: Ask, server: ServerInstance, asynchronous: boolean): Promise<Position>
}
