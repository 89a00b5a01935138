import type { Ask } from '../dialect/ask.ts'

/** The server's own word on the transaction that a connection is in. */
export type TransactionStatus = 'idle' | 'open' | 'failed'

/** What core needs of one connection: all of the translation that an adapter owes downwards. */
export interface Wire {
  /**
   * Asks the server something of ours, ahead of what waits, with every value as text. The app must not notice: no event, no
   * time limit of its own, no log.
   */
  readonly ask: Ask
  /** `host:port`: tells servers apart that do not say which they are. */
  readonly address?: string | undefined
  /** The server's latest word on the transaction; undefined where only the texts tell. */
  readonly status: TransactionStatus | undefined
  /** The app has ended the connection by itself: what is lost with it is no outage. Default: it has not, or nothing is lost so. */
  readonly isEnded?: boolean
  /** It has died: nothing of its session is left, and what is sent now fails with the driver's own error. Default: not that one knows. */
  readonly isLost?: boolean
  /** What is sent now waits here for the answer to what the app has sent before, without waiting for that itself. Default: false. */
  readonly isQueued?: boolean
  /** Ends the connection as if its server had ended it: the app is told, and what waits on it. Default: the driver has no way. */
  readonly cut?: () => void
  /** Nothing is under way, so `status` is the latest there is. */
  readonly isQuiet: boolean
}
