/** What something that takes a callback calls back. */
export function called(start: (done: (error: unknown, result: unknown) => void) => void): Promise<unknown> {
  return new Promise((resolve, reject) => start((error, result) => (error ? reject(error) : resolve(result))))
}
