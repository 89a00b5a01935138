const setting =
  /\bset\s+(?:session\s+|local\s+)?([a-z_][\w$]*(?:\.[\w$]+)+)|\bset_config\s*\(\s*(?:'([^']+)'|\$(\d+))\s*,/gi

/**
 * The settings of the app's own (`app.tenant`) that a text of PostgreSQL sets. A session knows such a name from then on: once its
 * value is undone, by ROLLBACK or DISCARD ALL, `current_setting` says '' where it had said NULL before.
 *
 * @param values bound to the text
 */
export function customNames(text: string, values: unknown): string[] {
  const names: string[] = []
  for (const [, assigned, literal, place] of text.matchAll(setting)) {
    const name = assigned ?? literal ?? (values as readonly unknown[] | undefined)?.[Number(place) - 1]
    if (typeof name === 'string' && name.includes('.')) names.push(name.toLowerCase())
  }
  return names
}

/** A text that has a session know these names, and nothing else. */
export function textToKnow(names: Iterable<string>): string {
  return `select ${Array.from(names, (name) => `set_config('${name.replaceAll("'", "''")}', '', false)`).join(', ')}`
}
