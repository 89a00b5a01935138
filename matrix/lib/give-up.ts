/** What an app throws in a transaction of its own accord. */
export class GivenUp extends Error {
  constructor() {
    super('given up')
  }
}

/** The end of an operation that gives up: `given up`, and nothing but that. */
export function onlyGivenUp(error: unknown): string {
  if (error instanceof GivenUp) return error.message
  throw error
}
