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

/** The same for what is known to succeed. */
export async function request<T>(fn: () => T | Promise<T>, options: Partial<RequestState> = {}): Promise<T> {
  const { value, error } = await inRequest(fn, options)
  if (error !== undefined) throw error as Error
  return value as T
}

/** What a promise rejects with; fails where it resolves. */
export async function rejection(promise: Promise<unknown> | undefined): Promise<Error & Record<string, unknown>> {
  try {
    await promise
  } catch (error) {
    return error as Error & Record<string, unknown>
  }
  throw new Error('It was to be refused, and was not')
}

/** What can be seen of an error beside its message. */
export function fieldsOf(error: Error): Record<string, unknown> {
  return Object.fromEntries(Object.entries(error))
}
