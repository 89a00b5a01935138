import { createRequestState, createScope, type RequestState, runInScope } from '@flyroute/core/adapter'

/** Runs `fn` as a request would, and tells what its scope has seen. Rejects as `fn` does. */
export async function inRequest<T>(
  fn: (state: RequestState) => T | Promise<T>,
  options: Partial<RequestState> = {},
): Promise<{ state: RequestState; value: T }> {
  const state = createRequestState('request', options)
  return { state, value: await runInScope(createScope(state), () => fn(state)) }
}

/** The same where `fn` is to fail, by anything but an expectation. */
export async function failedRequest(
  fn: (state: RequestState) => unknown,
  options: Partial<RequestState> = {},
): Promise<{ state: RequestState; error: Error & Record<string, unknown> }> {
  const state = createRequestState('request', options)
  const error = await rejection(runInScope(createScope(state), async () => fn(state)))
  return { state, error }
}

/** What `fn` comes to in a request. */
export async function request<T>(fn: () => T | Promise<T>, options: Partial<RequestState> = {}): Promise<T> {
  return (await inRequest(fn, options)).value
}

/** What a promise rejects with. Fails where it resolves, and where what fails is an expectation of the test. */
export async function rejection(promise: Promise<unknown> | undefined): Promise<Error & Record<string, unknown>> {
  try {
    await promise
  } catch (error) {
    if (isExpectation(error)) throw error
    return error as Error & Record<string, unknown>
  }
  throw new Error('It was to be refused, and was not')
}

const isExpectation = (error: unknown): boolean => error instanceof Error && 'matcherResult' in error

/** What can be seen of an error beside its message. */
export function fieldsOf(error: Error): Record<string, unknown> {
  return Object.fromEntries(Object.entries(error))
}
