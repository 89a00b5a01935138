import { Count, Durations, Gauge, type Instrument } from './instruments.ts'

// Together at most 200 series a Machine, each bucket of a histogram being one.

/** So many databases have series of their own. */
const databases = 3
/** For so long (ms) what was last said of a replica's lag counts: where a process watches, it asks every half minute. */
const lagMs = 90_000

const counted = (name: string, unit: string, description: string, attributes: readonly string[], most: number): Count =>
  new Count({ name: `flyroute.${name}`, unit, description }, attributes, most)

const gauge = (name: string, unit: string, description: string, ageMs?: number): Gauge =>
  new Gauge({ name: `flyroute.${name}`, unit, description }, databases, ageMs)

/** All that is measured, by what it is called here. */
export class Figures {
  /** https://opentelemetry.io/docs/specs/semconv/db/database-metrics/, its name, unit and buckets. */
  readonly operations: Durations = new Durations(
    { name: 'db.client.operation.duration', unit: 's', description: 'Duration of database client operations.' },
    [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
    ['db.system.name', 'flyroute.route', 'error.type'],
    5,
  )
  readonly statements: Count = counted(
    'statements',
    '{statement}',
    'Statements, by the server that they went to.',
    ['route', 'access', 'reason'],
    27,
  )
  readonly requests: Count = counted(
    'requests',
    '{request}',
    'Requests, by what they came to.',
    ['outcome', 'reason'],
    17,
  )
  readonly replays: Count = counted(
    'replays',
    '{request}',
    'Requests that were answered with a replay.',
    ['reason', 'from', 'to'],
    9,
  )
  readonly failedReplays: Count = counted(
    'replay.failed',
    '{request}',
    'Requests whose replay has come back.',
    ['reason'],
    4,
  )
  readonly replayCost: Durations = new Durations(
    {
      name: 'flyroute.replay.cost',
      unit: 's',
      description: 'What a replay takes beside its handler, as far as known.',
    },
    [0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5],
  )
  readonly waits: Durations = new Durations(
    { name: 'flyroute.wait.duration', unit: 's', description: 'Waits of requests for a replica to catch up.' },
    [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1],
    ['reached'],
    2,
  )
  readonly waiting: Gauge = gauge('wait.pending', '{request}', 'Requests that wait for a replica now.')
  readonly lag: Gauge = gauge('replication.lag', 's', 'How far the replica is behind.', lagMs)
  readonly lagBytes: Gauge = gauge(
    'replication.lag.bytes',
    'By',
    'What the replica has received and not yet replayed.',
    lagMs,
  )
  readonly lastContact: Gauge = gauge(
    'replication.last_contact',
    's',
    'How long ago the replica has heard from its primary.',
    lagMs,
  )
  readonly available: Gauge = gauge(
    'replica.available',
    '{replica}',
    '1 while reads use the replica, 0 while it is out of reach.',
  )
  readonly roleMismatches: Count = counted(
    'role.mismatches',
    '{mismatch}',
    'How often a server was not what the settings say.',
    ['database'],
    databases,
  )
  readonly missedTokens: Count = counted(
    'token.missed',
    '{write}',
    'Writes that came after their answer: their clients have no token for them.',
    ['database'],
    databases,
  )

  get all(): readonly Instrument[] {
    return Object.values(this)
  }
}
