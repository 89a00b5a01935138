import { Buffer } from 'node:buffer'
import { createHmac, timingSafeEqual } from 'node:crypto'

/** What is signed, so that a signature of the one is none of the other. */
export type SignedKind = 'token' | 'state'

const signatureBytes = 16
/** 16 bytes in base64url. */
const signatureLength = 22

/** A short HMAC-SHA256 of a text. */
export function sign(kind: SignedKind, text: string, secret: string): string {
  const mac = createHmac('sha256', secret).update(`flyroute.${kind}.v1.${text}`).digest()
  return mac.subarray(0, signatureBytes).toString('base64url')
}

/** Whether one of the secrets signed it. What cannot be a signature costs nothing. */
export function isSigned(
  kind: SignedKind,
  text: string,
  signature: string | undefined,
  secrets: readonly string[],
): boolean {
  if (signature?.length !== signatureLength) return false
  const given = Buffer.from(signature)
  return secrets.some((secret) => {
    const expected = Buffer.from(sign(kind, text, secret))
    return expected.length === given.length && timingSafeEqual(expected, given)
  })
}
