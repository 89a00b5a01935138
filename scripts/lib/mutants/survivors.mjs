// Mutants that no test can notice, because nothing that can be seen changes. `code` is a part of the mutated line.

/** @type {readonly { file: string, code: string, mutator: string, reason: string }[]} */
export const survivors = []
