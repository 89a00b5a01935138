import type fc from 'fast-check'
import type { Admin, Admins } from './admin.ts'
import type { Session, Step } from './step.ts'

/** What the tables of a database hold, by their names; and more that a session can change for others. */
export type Contents = Readonly<Record<string, unknown>>

/** What the differential test has to know of a database. */
export interface SessionDialect {
  readonly sessions: fc.Arbitrary<Session>
  /** Texts that keep other sessions waiting, or ask what a connection's last user has done: where sessions meet, they are left out. */
  readonly blocks: RegExp
  /**
   * Texts that may leave what flyroute cannot know or does not leave behind. It does not bind the next user of the connection: where one
   * session follows another in a pool, they are left out.
   */
  readonly leaves: RegExp
  /** Sent ahead of each session, where a new connection could be told from one that was asked something by flyroute. */
  readonly first?: Step
  /**
   * Makes the tables, schemas, users and functions that the sessions use.
   *
   * @param url of the application's user
   */
  setUp(primary: Admin, url: string): Promise<void>
  /** Puts back to what `setUp` made of it what has changed, by the names in `Contents`. */
  reset(primary: Admin, changed: readonly string[]): Promise<void>
  contents(server: Admin): Promise<Contents>
  /** Waits until the replica has what the primary has. */
  caughtUp(admins: Admins): Promise<void>
  /** What sessions of the app's hold on a server (transactions, locks), in words; '' for nothing. */
  held(server: Admin): Promise<string>
  /** Whether a server has connections of the app's. Default: it may have. */
  isUsed?(server: Admin): Promise<boolean>
  /** Asked on a connection: what its session holds, a line each. Only what another session would not have is looked at. */
  readonly leftovers: readonly Step[]
  /** What is wrong with the replica and does not show in `contents`, e.g. transactions of its own. */
  damage?(admins: Admins): Promise<string | undefined>
  /** Repairs what `damage` found, where that is quicker than new servers. */
  repair?(admins: Admins): Promise<void>
}
