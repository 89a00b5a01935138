/**
 * What an ORM is asked to do, by group. A `read` runs on a replica; a `write` is refused there, and runs in the primary
 * region. A suite says for each of them how its ORM does it, or why it cannot.
 */
export const operations = {
  reads: {
    find: 'read',
    'find one': 'read',
    'find none': 'read',
    relations: 'read',
    count: 'read',
    aggregate: 'read',
    'column types': 'read',
    'raw read': 'read',
    stream: 'read',
    'reads at once': 'read',
  },
  writes: {
    insert: 'write',
    'insert many': 'write',
    upsert: 'write',
    'insert or ignore': 'write',
    update: 'write',
    increment: 'write',
    delete: 'write',
    'nested write': 'write',
    'raw write': 'write',
    'writing CTE': 'write',
    'writing function': 'write',
    sequence: 'write',
    'writes at once': 'write',
  },
  transactions: {
    'read transaction': 'read',
    'read-only transaction': 'read',
    'nested read transaction': 'read',
    'abandoned read transaction': 'read',
    'write transaction': 'write',
    'read, then write': 'write',
    'nested transaction': 'write',
    'nested rollback': 'write',
    rollback: 'write',
  },
  locks: {
    'for update': 'write',
    'for share': 'write',
    'skip locked': 'write',
    'advisory lock': 'write',
  },
  schema: {
    introspection: 'read',
    'migrate up and down': 'write',
    'change a table': 'write',
  },
  errors: {
    'unknown column': 'read',
    'unique violation': 'write',
    'unique violation in a transaction': 'write',
  },
} as const satisfies Record<string, Record<string, Access>>

/** Writes after which everything is as it was: they fail, are rolled back, or change nothing that stays. */
export const leavesNothing: ReadonlySet<OperationName> = new Set([
  'sequence',
  'rollback',
  ...names('locks'),
  ...names('errors'),
])

/** What the server says to what fails: its SQLSTATE. */
export const failures: ReadonlyMap<OperationName, string> = new Map([
  ['unknown column', '42703'],
  ['unique violation', '23505'],
  ['unique violation in a transaction', '23505'],
])

/** Whether a replica can do it. */
export type Access = 'read' | 'write'

export type Group = keyof typeof operations

/** The name of an operation. */
export type OperationName = { [G in Group]: keyof (typeof operations)[G] }[Group]

/** An operation, in its place. */
export interface Operation {
  readonly group: Group
  readonly name: OperationName
  readonly access: Access
}

/** All of them, in their order. */
export const allOperations: readonly Operation[] = Object.entries(operations).flatMap(([group, members]) =>
  Object.entries(members).map(([name, access]) => ({ group, name, access }) as Operation),
)

function names(group: Group): OperationName[] {
  return Object.keys(operations[group]) as OperationName[]
}
