/**
 * A detail as a message may show it: one word without white space or quotes. A statement's text or a parameter
 * never passes, even if it is handed in by mistake.
 */
export function safeWord(detail: unknown): string | undefined {
  return typeof detail === 'string' && /^[\w.:-]{1,64}$/.test(detail) ? detail : undefined
}
