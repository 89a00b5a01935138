import { isHeaderName, isHeaderValue, isRecord, type Problems } from './check.ts'

/** How the request is changed on its way to the target. Needs the JSON form. */
export interface ReplayTransform {
  /** The new path, with its query: `/new/path?a=1`. */
  readonly path?: string | undefined
  /** Headers that the target does not get to see. */
  readonly deleteHeaders?: readonly string[] | undefined
  /** Headers that are set, in place of ones of the same name. */
  readonly setHeaders?: Readonly<Record<string, string>> | undefined
}

/** The `transform` object of the JSON form. */
export function transformField(transform: ReplayTransform, problems: Problems): Record<string, unknown> {
  if (!problems.require(isRecord(transform), 'transform has to be an object')) return {}
  const { path, deleteHeaders, setHeaders } = transform
  problems.require(
    path !== undefined || deleteHeaders !== undefined || setHeaders !== undefined,
    'transform is empty: set path, deleteHeaders or setHeaders',
  )
  problems.require(
    path === undefined || (typeof path === 'string' && /^\/[!-~]*$/.test(path) && !path.includes('#')),
    'transform.path has to begin with / and be percent-encoded',
  )
  problems.require(
    deleteHeaders === undefined || (Array.isArray(deleteHeaders) && deleteHeaders.every(isHeaderName)),
    'transform.deleteHeaders has to be an array of header names',
  )
  problems.require(
    setHeaders === undefined ||
      (isRecord(setHeaders) && Object.entries(setHeaders).every(([name, v]) => isHeaderName(name) && isHeaderValue(v))),
    'transform.setHeaders has to be an object of header names and ASCII values without line breaks',
  )
  return {
    ...(path === undefined ? {} : { path }),
    ...(deleteHeaders === undefined ? {} : { delete_headers: deleteHeaders }),
    ...(setHeaders === undefined
      ? {}
      : { set_headers: Object.entries(setHeaders).map(([name, value]) => ({ name, value })) }),
  }
}
