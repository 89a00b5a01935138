/**
 * The proxy's numbers, in one place. The documentation of Fly.io ("Dynamic Request Routing with fly-replay") gives those that
 * carry a sentence; the others are ours and chosen to keep a laptop's waits short.
 */
export const limits = {
  /** "Requests larger than 1MB cannot be replayed" */
  replayBodyBytes: 1_048_576,
  /** More than 10 replays of one request is an error. */
  replays: 10,
  /** "The TTL needs to be a minimum of 10 seconds" */
  cacheTtlSeconds: 10,
  /** Body of an answer of type `application/vnd.fly.replay+json`. Ours. */
  instructionBytes: 65_536,
  /** How often the Machines that come into question are tried before "retries_exhausted", and the pause in between. Ours. */
  rounds: 3,
  pauseMs: 100,
  /** Time to reach a Machine where the replay gives no `timeout`. Ours. */
  connectMs: 10_000,
  /** How long an idle connection to an app is kept; servers close theirs after 2 s (gunicorn), 5 s (Node) or more. Ours. */
  idleMs: 1_000,
}
