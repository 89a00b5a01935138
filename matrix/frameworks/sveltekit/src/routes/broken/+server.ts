import type { RequestHandler } from '@sveltejs/kit'

// Errors of the app's own pass as they are.
export const GET: RequestHandler = () => {
  throw new Error('Broken')
}
