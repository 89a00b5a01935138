// Errors of the app's own pass as they are.
export function loader(): never {
  throw new Error('Broken')
}
