import { type Activity, createActivity, createScope, runInScope } from '@flyroute/core/adapter'

/** Runs `fn` as a request would, and tells what its scope has seen. Never rejects. */
export async function inRequest<T>(
  fn: (activity: Activity) => T | Promise<T>,
  options: Partial<Activity> = {},
): Promise<{ activity: Activity; value?: T; error?: unknown }> {
  const activity = createActivity('request', options)
  try {
    return { activity, value: await runInScope(createScope(activity), () => fn(activity)) }
  } catch (error) {
    return { activity, error }
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
