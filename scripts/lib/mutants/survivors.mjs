// Mutants that no test can notice, because nothing that can be seen changes. `code` is a part of the mutated line.

/** @type {readonly { file: string, code: string, mutator: string, reason: string }[]} */
export const survivors = [
  {
    file: 'packages/core/src/replication/price.ts',
    code: 'if (from === undefined || to === undefined',
    mutator: 'ConditionalExpression',
    reason: 'undefined is no known region either: these comparisons are there for the compiler',
  },
  {
    file: 'packages/core/src/replication/price.ts',
    code: 'if (from === undefined || to === undefined',
    mutator: 'LogicalOperator',
    reason: 'the same',
  },
]
