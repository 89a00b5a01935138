import { createRequestState, createScope, type RequestState, runInScope } from '@flyroute/core/adapter'

/** Runs `fn` as a request would, and tells what its scope has seen. Never rejects. */
export async function inRequest<T>(
  fn: (state: RequestState) => T | Promise<T>,
  options: Partial<RequestState> = {},
): Promise<{ state: RequestState; value?: T; error?: unknown }> {
  const state = createRequestState('request', options)
  try {
    return { state, value: await runInScope(createScope(state), () => fn(state)) }
  } catch (error) {
    return { state, error }
  }
}

/** What a promise rejects with; fails where it resolves. */
export async function rejection(promise: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await promise
  } catch (error) {
    return error as Error & Record<string, unknown>
  }
  throw new Error('It was to be refused, and was not')
}
