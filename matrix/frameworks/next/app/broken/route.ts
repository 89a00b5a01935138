export const dynamic = 'force-dynamic'

// Errors of the app's own pass as they are.
export function GET(): Response {
  throw new Error('Broken')
}
